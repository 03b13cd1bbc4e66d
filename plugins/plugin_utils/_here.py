# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Does the work of a module in Ansible's own process, where that is the process which the task asks for.

This file is private to the collection. For a module, Ansible packs its code, starts a Python, and lets that compile all
of it again. A recovery writes into its journal before and after each step, on the machine that runs Ansible, and those
are seconds that somebody waits for.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import typing as t

from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash

from ..module_utils import _module
from ..module_utils._engine.ground.process import ENDINGS

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Here(ActionBase):
    """What the action plugins of such modules are made of: they only name the module's work."""

    _supports_check_mode = True

    WORK: t.ClassVar[tuple[t.Any, ...]]
    """The options, what makes a request of them, and the use case: what the module itself is run with."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Do the work here, or run the module."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        done = self._do() if self._is_here(variables) else self._execute_module(task_vars=variables)
        return merge_hash(result, done)

    def _is_here(self, variables: Mapping[str, t.Any]) -> bool:
        """Whether the module would be run by this machine's user, with this Python and this environment."""
        wanted = self._templar.template(variables.get("ansible_python_interpreter", ""))
        local = self._connection.transport == "local" and not self._play_context.become
        return local and wanted == sys.executable and not any(self._task.environment or ()) and not self._task.async_val

    def _do(self) -> dict[str, t.Any]:
        rules = {name: value for name, value in self.WORK[0].to_kwargs().items() if name != "supports_check_mode"}
        sent = json.loads(json.dumps(_module.plain(self._task.args)))  # without Ansible's notes, as a module gets them
        checked = ModuleArgumentSpecValidator(**rules).validate(sent)
        if checked.error_messages:
            unknown = isinstance(checked.errors[0], UnsupportedError)
            about = f"Unsupported parameters for ({self._task.action}) module: " if unknown else ""
            return {"failed": True, "msg": f"{about}{checked.errors.msg}"}
        runner = _Runner(checked.validated_parameters, self._task.check_mode, self._task.diff)
        with _own_signals(), contextlib.suppress(_Over):
            _module.run(*self.WORK, runner=runner)
        return t.cast("dict[str, t.Any]", remove_values(runner.result, checked._no_log_values))


class _Over(BaseException):
    """The work is over. Not an Exception, so that nothing takes it for a failure of the work."""


class _Runner:
    """What stands for an AnsibleModule."""

    def __init__(self, params: Mapping[str, t.Any], check_mode: bool, diff: bool) -> None:
        self.params = params
        self.check_mode = check_mode
        self.result: dict[str, t.Any] = {}
        self._diff = diff
        self._warnings: list[str] = []

    def warn(self, warning: str) -> None:
        self._warnings.append(warning)

    def exit_json(self, **result: t.Any) -> t.NoReturn:
        self.result = {**result, **({"warnings": self._warnings} if self._warnings else {})}
        raise _Over

    def fail_json(self, **result: t.Any) -> t.NoReturn:
        self.exit_json(**{"changed": False, **result, "failed": True})


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Give this process the handling of signals back that it had before."""
    had = {number: signal.getsignal(number) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in had.items():
            signal.signal(number, handler)
