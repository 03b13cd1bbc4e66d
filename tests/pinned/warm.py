# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs many modules, each in a process of its own, of which none has to import anything."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PROGRAM = """
import contextlib, importlib, io, json, os, pwd, sys
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
known = {name: importlib.import_module("ansible_collections.lifeboat.recovery.plugins.modules." + name)
         for name in sys.argv[2:]}
user = sys.argv[1] and pwd.getpwnam(sys.argv[1])
# One that does nothing imports what the others import late, and another user may not read.
with patch_module_args({}), contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    AnsibleModule({}).exit_json()
for line in sys.stdin:
    name, options, path = json.loads(line)
    child = os.fork()
    if not child:
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        with patch_module_args(options):
            if user:
                os.setgroups([])
                os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
                os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            known[name].main()
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Modules:
    """A process that has imported some modules, and becomes another one for each run of one."""

    def __init__(self, process: subprocess.Popen[str], result: Path) -> None:
        self._process = process
        self._result = result

    def run(self, name: str, options: Mapping[str, t.Any], *, check: bool = False) -> dict[str, t.Any]:
        """Return the result of the module of this name, as a task with --diff has it."""
        given = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([name, given, str(self._result)]) + "\n")
        self._process.stdin.flush()
        ended = self._process.stdout.readline().strip()
        text = self._result.read_text(encoding="utf-8")
        assert text, f"{name} ended with {ended} and without a result."
        return t.cast("dict[str, t.Any]", json.loads(text))


@contextlib.contextmanager
def warm(names: list[str], place: Path, environ: Mapping[str, str], user: str = "") -> Iterator[Modules]:
    """Yield what runs these modules in this environment, as this user; `place` is a directory for it."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, user, *names],
        env={**environ, "PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Modules(process, place / "result.json")
