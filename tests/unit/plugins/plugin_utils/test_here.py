# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work that is done in Ansible's own process comes to what the module comes to by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from environment import unconfigured

WORK = """
import os, signal

from ansible_collections.lifeboat.recovery.plugins.module_utils import _argspec, _module
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors, model

SPEC = _argspec.ArgumentSpec({
    "how": {"type": "str", "choices": ["well", "refused", "ended"], "default": "well"},
    "number": {"type": "int", "default": 1},
    "password": {"type": "str", "no_log": True},
})


def work(given, world):
    if given["how"] == "refused":
        raise errors.UsageError("It cannot be.", "Do it otherwise.", field="how")
    if given["how"] == "ended":
        os.kill(os.getpid(), signal.SIGTERM)
    facts = {"packed": ".zip" in _module.__file__, "number": given["number"], "said": f"it was {given['password']}"}
    changed = not world.dry_run
    return model.Outcome(changed, facts, before="a", after="b", warnings=["Look at it."])


WORK = (SPEC, lambda given: given, work)


def main():
    _module.run(*WORK)


if __name__ == "__main__":
    main()
"""

ACTION = """
from ansible_collections.lifeboat.recovery.plugins.plugin_utils._here import Here
from ..modules import work


class ActionModule(Here):
    WORK = work.WORK
"""

CASES: dict[str, dict] = {
    "well": {"number": "{{ 40 + 2 }}", "password": "s3cret-word"},
    "refused": {"how": "refused"},
    "ended": {"how": "ended"},
    "wrong_value": {"number": "many"},
    "wrong_option": {"nubmer": 1},
}


WAYS: dict[str, dict] = {
    "here": {},
    "packed": {"vars": {"ansible_python_interpreter": "{{ playbook_dir }}/python"}},
    "here_checked": {"check_mode": True, "diff": True},
    "packed_checked": {"check_mode": True, "diff": True, "environment": {"LANG": "C"}},
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run a task for each case in each way, and give what came of each, and what was said."""
    path = tmp_path_factory.mktemp("here")
    plugins = path / "collections/ansible_collections/lifeboat_test/here/plugins"
    for kind, source in (("action", ACTION), ("modules", WORK)):
        (plugins / kind).mkdir(parents=True)
        (plugins / kind / "work.py").write_text(source)
    ours = next(Path(entry) for entry in sys.path if (Path(entry) / "ansible_collections/lifeboat").exists())
    (plugins.parents[2] / "lifeboat").symlink_to(ours / "ansible_collections/lifeboat")
    (path / "python").symlink_to(sys.executable)
    names = [f"{case}_{way}" for case in CASES for way in WAYS]
    tasks = [
        {"lifeboat_test.here.work": options, "register": f"{case}_{way}", "ignore_errors": True, **keywords}
        for case, options in CASES.items()
        for way, keywords in WAYS.items()
    ]
    kept = {"content": f"{{{{ {{ {', '.join(f'{name!r}: {name}' for name in names)} }} | to_json }}}}"}
    tasks.append({"ansible.builtin.copy": {**kept, "dest": f"{path}/results.json"}})
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    (path / "play.yml").write_text(json.dumps([{**play, "vars": {"ansible_python_interpreter": sys.executable}}]))
    environment = {
        **unconfigured(),
        "ANSIBLE_COLLECTIONS_PATH": str(path / "collections"),
        "ANSIBLE_HOME": str(path / "ansible"),
    }
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "/dev/null", "play.yml"]
    done = subprocess.run(command, cwd=path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((path / "results.json").read_text())
    for result in results.values():
        result.pop("exception", None)  # how Ansible itself words where a failure came from
    return results, done.stdout + done.stderr


def test_where_the_work_is_done_is_what_the_task_asks_for(ran):
    results, _said = ran
    assert {way: results[f"well_{way}"]["packed"] for way in WAYS} == {way: "packed" in way for way in WAYS}


@pytest.mark.parametrize("suffix", ["", "_checked"])
@pytest.mark.parametrize("case", CASES)
def test_the_result_is_that_of_the_module(ran, case, suffix):
    results, _said = ran
    here, packed = ({**results[f"{case}_{way}{suffix}"], "packed": None} for way in ("here", "packed"))
    assert here == packed


def test_the_work_gets_what_was_meant_and_keeps_its_secrets(ran):
    results, said = ran
    well = results["well_here"]
    assert (well["changed"], well["number"], well["said"]) == (True, 42, "it was ********")
    assert well["warnings"] == ["Look at it."]
    assert "s3cret-word" not in said
    assert results["well_here_checked"]["changed"] is False
    assert results["ended_here"]["msg"].startswith("SIGTERM ended this run.")
