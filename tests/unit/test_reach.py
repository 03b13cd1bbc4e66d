# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a module can do, a role or playbook can ask of it; and a role's documentation says what its files say."""

from __future__ import annotations

import importlib
import re
import typing as t
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml
from ansible.module_utils import basic

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
ROLES = sorted(path.parent.parent.name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))

# Modules for a task of one's own, which no role is about.
BY_THEMSELVES = {
    "backup_mark": "a pin or a hold is one act, about one backup",
    "encrypted_archive": "whose files, only the user's own playbook knows",
}
# A password in an option may be written into a file by Ansible; the roles take a file of the host instead.
SECRET = {"login_password"}
# What is left, each with its reason.
LEFT_OUT = {
    "pg_backup": {"login_db": "role backup names one database as it names several"},
    "pg_pitr": {"state": "docs/failover.md shows the tasks that make a first standby"},
    "recovery_kit": {"state": "the role writes kits; docs/recovery-kit.md shows the task that checks one"},
    "recovery_report": {"mode": "role recover runs recoveries, and drills are named by their ids"},
    "recovery_trust": {"retired": "docs/keys.md ends a signer by hand, with the recovery key mounted for that"},
    "restore_loan": {"patience": "the roles' own affair"},
    "restore_validate": {
        "target_db": "the role proves backups; docs/validate.md shows the task for a database that is there already",
        **dict.fromkeys(
            (
                "login_host",
                "login_password_file",
                "login_port",
                "login_unix_socket",
                "login_user",
                "ssl_mode",
                "ca_cert",
                "ssl_cert",
                "ssl_key",
            ),
            "they belong to target_db",
        ),
    },
    "s3_retention": {"bring_back": "after an attack, by hand: docs/object-lock.md shows the task"},
}


class Captured(Exception):
    """Carries the options that a module hands to Ansible."""


def read(path: str) -> t.Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


GROUPS: dict[str, list[str]] = read("meta/runtime.yml")["action_groups"]
SHARED: dict[str, t.Any] = read("roles/settings/vars/main.yml")
# A default of one module that is a variable of the user's, whose keys are options of that module.
GIVEN = {"{{ backup_logs_given }}": "roles/backup_logs/meta/argument_specs.yml"}


def shared_by(value: t.Any) -> set[str]:
    """Return the options that a default gives, be it a dictionary, a group of role settings, or a user's variable."""
    if isinstance(value, dict):
        return set(value)
    if value in GIVEN:
        options = read(GIVEN[value])["argument_specs"]["main"]["options"].values()
        return {name for option in options for name in option.get("options", ())}
    return set(SHARED[re.findall(r"settings_\w+", value)[0]])


def defaults(node: dict[str, t.Any]) -> dict[str, set[str]]:
    """Return what the defaults of a task or block give, by group or module."""
    given = node.get("module_defaults", {})
    return {key.removeprefix("group/").removeprefix("lifeboat.recovery."): shared_by(given[key]) for key in given}


def calls(node: t.Any, given: Mapping[str, set[str]] = MappingProxyType({})) -> Iterator[tuple[str, set[str]]]:
    """Yield the modules of this collection that tasks call, with the options that they and their defaults give."""
    if isinstance(node, list):
        for item in node:
            yield from calls(item, given)
    elif isinstance(node, dict):
        given = {**given, **defaults(node)}
        for key, value in node.items():
            name = str(key).removeprefix("lifeboat.recovery.")
            if name != key and isinstance(value, dict):
                meant = [options for each, options in given.items() if name == each or name in GROUPS.get(each, ())]
                yield name, set(value).union(*meant)
            if key != "module_defaults":
                yield from calls(value, given)


def options_of(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    """Return the options of a module."""

    def capture(_self: t.Any, argument_spec: dict[str, t.Any], **_rules: t.Any) -> None:
        raise Captured(argument_spec)

    monkeypatch.setattr(basic.AnsibleModule, "__init__", capture)
    with pytest.raises(Captured) as caught:
        importlib.import_module(f"ansible_collections.lifeboat.recovery.plugins.modules.{name}").main()
    return t.cast("dict[str, t.Any]", caught.value.args[0])


@pytest.mark.parametrize("name", sorted(set(MODULES) - set(BY_THEMSELVES)))
def test_every_option_can_be_set_through_a_role_or_a_playbook(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: set[str] = set()
    for path in (*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/**/*.yml")):
        for module, options in calls(yaml.safe_load(path.read_text(encoding="utf-8"))):
            given |= options if module == name else set()
    excused = SECRET | set(LEFT_OUT.get(name, ()))
    assert set(options_of(name, monkeypatch)) - given - excused == set()
    assert not (excused - SECRET) & given, "no longer left out"


def spoken(text: str) -> t.Any:
    """Return the value that a default says outright, or an Ellipsis for one that is worked out."""
    found = re.fullmatch(r"\{\{ lifeboat_\w+ \| default\(([^()|~]*)\) \}\}", text.strip())
    if found is None:
        return ...
    try:
        value = yaml.safe_load(found[1])
    except yaml.YAMLError:
        return ...
    quoted = found[1].startswith(("'", '"'))
    return ... if isinstance(value, str) and not quoted else value


@pytest.mark.parametrize("name", ROLES)
def test_a_roles_specification_states_the_defaults_that_count(name: str) -> None:
    specs = read(f"roles/{name}/meta/argument_specs.yml")
    path = ROOT / f"roles/{name}/defaults/main.yml"
    defaults = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    stated: set[str] = set()
    for entry in specs["argument_specs"].values():
        for option, spec in entry["options"].items():
            stated.add(option)
            value = defaults.get(option, ...)
            if "{{" in str(value):
                value = spoken(value) if isinstance(value, str) else ...
            if value is ... or value in ("", None):
                assert "default" not in spec, f"{option} has no default of its own"
            else:
                assert spec.get("default") == value, f"{option} is {value!r}"
    assert stated >= set(defaults), f"not specified: {sorted(set(defaults) - stated)}"


@pytest.mark.parametrize("group", GROUPS)
def test_every_module_of_a_group_knows_what_the_roles_set_for_it(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert GROUPS[group] == sorted(GROUPS[group])
    for name in GROUPS[group]:
        assert set(SHARED[f"settings_{group}"]) <= set(options_of(name, monkeypatch)), name


def test_what_all_roles_need_is_said_once() -> None:
    """A variable of role settings is no other role's option."""
    said = re.compile(r"Set C\((lifeboat_\w+)\)")
    shared = set(said.findall((ROOT / "roles/settings/meta/argument_specs.yml").read_text(encoding="utf-8")))
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        role = path.parent.parent.name
        again = shared & set(said.findall(path.read_text(encoding="utf-8")))
        assert role == "settings" or again <= {"lifeboat_launcher"}, f"{role} has {again} too"
