# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every option is documented once and specified once, and the two say the same, in every module."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path

import pytest
import yaml
from ansible.module_utils import basic

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "ansible_collections.lifeboat.recovery.plugins"
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
GROUPS = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]
ACTIONS = {path.stem: path.read_text() for path in sorted((ROOT / "plugins/action").glob("*.py"))}
FOLLOWED = [name for name, text in ACTIONS.items() if "(Following)" in text]

RESULTS = ROOT / "tests/data/results"
OF_ANSIBLE = {"changed", "diff", "warnings", "mode", "size", "state"}
"""Keys that Ansible gives to a result, the last three where a module has written a file."""


class Captured(Exception):
    """Carries the specification that a module hands to Ansible."""


@pytest.fixture
def specification(monkeypatch):
    def capture(self, argument_spec, **rules):
        raise Captured({"options": argument_spec, **rules})

    monkeypatch.setattr(basic.AnsibleModule, "__init__", capture)

    def of(name):
        with pytest.raises(Captured) as caught:
            importlib.import_module(f"{PACKAGE}.modules.{name}").main()
        return caught.value.args[0]

    return of


def documentation(name):
    source = importlib.import_module(f"{PACKAGE}.modules.{name}")
    doc = yaml.safe_load(source.DOCUMENTATION)
    for slug in doc.pop("extends_documentation_fragment", []):
        name, _dot, part = slug.removeprefix("lifeboat.recovery.").partition(".")
        fragments = importlib.import_module(f"{PACKAGE}.doc_fragments.{name}").ModuleDocFragment
        fragment = yaml.safe_load(getattr(fragments, (part or "documentation").upper()))
        # As Ansible merges them: what the module says itself wins.
        for section in ("options", "attributes"):
            for key, value in fragment.get(section, {}).items():
                doc.setdefault(section, {})[key] = value | doc.get(section, {}).get(key, {})
        doc["notes"] = doc.get("notes", []) + fragment.get("notes", [])
    return doc


def flat_spec(options, prefix=""):
    """Return each option's facts by its dotted name, as the specification has them."""
    flat = {}
    for name, option in options.items():
        flat[prefix + name] = {
            "type": option.get("type", "str"),
            "elements": option.get("elements"),
            "required": option.get("required", False),
            "default": option.get("default"),
            "choices": option.get("choices"),
        }
        flat |= flat_spec(option.get("options", {}), f"{prefix}{name}.")
    return flat


def flat_doc(options, prefix=""):
    """Return the same, as the documentation has them."""
    flat = {}
    for name, option in options.items():
        flat[prefix + name] = {
            "type": option["type"],
            "elements": option.get("elements"),
            "required": option.get("required", False),
            "default": option.get("default"),
            "choices": option.get("choices"),
        }
        assert option["description"], prefix + name
        flat |= flat_doc(option.get("suboptions", {}), f"{prefix}{name}.")
    return flat


@pytest.mark.parametrize("name", MODULES)
def test_options_are_documented_as_they_are_specified(name, specification):
    assert flat_doc(documentation(name)["options"]) == flat_spec(specification(name)["options"])


@pytest.mark.parametrize("name", MODULES)
def test_check_mode_is_supported_and_every_promise_is_stated(name, specification):
    assert specification(name)["supports_check_mode"]
    attributes = documentation(name)["attributes"]
    assert attributes["check_mode"]["support"] == "full"
    assert {"check_mode", "diff_mode", "idempotent"} <= set(attributes)
    for attribute in attributes.values():
        assert attribute["support"] in {"full", "partial", "none", "N/A"}
        assert attribute["support"] != "partial" or attribute["details"]


@pytest.mark.parametrize("name", MODULES)
def test_rules_name_options_that_exist(name, specification):
    given = specification(name)
    named = {option for rule in given["mutually_exclusive"] for option in rule}
    named |= {option for rule in given["required_if"] for option in (rule[0], *rule[2])}
    named |= {option for name, needed in given["required_by"].items() for option in (name, *needed)}
    assert named <= set(given["options"])


@pytest.mark.parametrize("name", MODULES)
def test_examples_use_options_that_exist_and_give_those_that_are_needed(name):
    source = importlib.import_module(f"{PACKAGE}.modules.{name}")
    options = documentation(name)["options"]
    needed = {option for option, doc in options.items() if doc.get("required")}
    tasks = [task for task in yaml.safe_load(source.EXAMPLES) if f"lifeboat.recovery.{name}" in task]
    assert tasks
    for task in tasks:
        given = set(task[f"lifeboat.recovery.{name}"])
        assert needed <= given <= set(options), task["name"]


@pytest.mark.parametrize("name", MODULES)
def test_markup_names_options_and_results_that_exist(name):
    source = importlib.import_module(f"{PACKAGE}.modules.{name}")
    doc, returned = documentation(name), yaml.safe_load(source.RETURN)
    text = yaml.dump([doc, returned], width=1000)
    known = flat_doc(doc["options"])
    for option in re.findall(r"\bO\(([a-z_.]+)(?:=[^)]*)?\)", text):
        assert option in known, option
    for result in re.findall(r"\bRV\(([a-z_]+)", text):
        assert result in returned, result


@pytest.mark.parametrize("name", MODULES)
def test_every_key_of_a_result_is_documented(name):
    returned = yaml.safe_load(importlib.import_module(f"{PACKAGE}.modules.{name}").RETURN)
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in (RESULTS / name).glob("*.json")]
    given = {key for result in kept if not result.get("failed") for key in result}
    assert given <= set(returned) | OF_ANSIBLE


@pytest.mark.parametrize("name", MODULES)
def test_a_value_in_markup_is_one_of_the_choices(name):
    doc = documentation(name)
    known = flat_doc(doc["options"])
    for option, value in re.findall(r"\bO\(([a-z_.]+)=([^)]*)\)", yaml.dump(doc, width=1000)):
        assert value in (known[option]["choices"] or [value]), (option, value)


@pytest.mark.parametrize("name", MODULES)
def test_what_looks_like_a_secret_is_hidden_or_said_to_be_none(name, specification):
    def walk(options):
        for option, spec in options.items():
            if re.search(r"password|secret|token|key_file|^keys$", option):
                assert "no_log" in spec, option
            walk(spec.get("options", {}))

    walk(specification(name)["options"])


@pytest.mark.parametrize("name", MODULES)
def test_the_modules_that_share_their_options_are_the_action_group(name):
    # Defaults of a group reach each of its modules, and one that does not know an option denies it.
    shared = {"application", "store", "keys", "state_dir"} <= set(documentation(name)["options"])
    assert (name in GROUPS["recovery"]) == shared


@pytest.mark.parametrize("name", MODULES)
def test_a_module_names_its_action_groups(name):
    attribute = documentation(name)["attributes"].get("action_group", {})
    groups = {f"lifeboat.recovery.{group}" for group, members in GROUPS.items() if name in members}
    assert set(attribute.get("membership", [])) == groups


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_belongs_to_a_module(name):
    assert name in MODULES


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_module_says_that_its_action_shows_progress(name):
    assert "lifeboat_progress_interval" in yaml.dump(documentation(name)["notes"])
    assert "state_dir" in documentation(name)["options"]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_file_is_documentation_and_little_else(name):
    source = importlib.import_module(f"{PACKAGE}.modules.{name}")
    assert len(inspect.getsource(source).splitlines()) <= 250
