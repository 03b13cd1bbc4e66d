# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Runs a long module so that the play shows how far it is, and gives the result that the module alone would give.

This file is private to the collection. A module cannot print while it runs. So it is started as an asynchronous job,
its job file and its status file are looked at with one small shell command, and a line is shown now and then. Where a
job cannot be, or must not be, the module runs as any other.
"""

from __future__ import annotations

import abc
import os
import shlex
import typing as t

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash

from ..module_utils._engine.ground import host_state, status
from ..module_utils._engine.ground.errors import RecoveryError
from ..module_utils._engine.ground.progress import status_path
from ..module_utils._engine.ground.units import human_duration
from ._watch import Job, Watch, is_running

INTERVAL_VARIABLE = "lifeboat_progress_interval"
INTERVAL = 15.0
"""Seconds between two lines unless the variable says otherwise."""

NO_LIMIT = 10 * 365 * 86400
"""Ansible's jobs have a time limit, and ours have none: a large database takes its time."""

MARK = "--lifeboat--"

JOB_KEYS = ("ansible_job_id", "finished", "results_file", "started", "stdout", "stdout_lines", "stderr", "stderr_lines")
"""What a result of a job has beside what the module gave."""


class Following(ActionBase):
    """What the action plugins of the long modules are made of: they only say where the status file is."""

    _supports_check_mode = True
    _supports_async = True

    OPERATION = ""

    _facts: dict[str, t.Any] | None = None
    """Facts that the start of the job brought: the interpreter, when Ansible had to look for it."""

    _module_dir: str | None = None
    """Where the job's module is, on its host."""

    @abc.abstractmethod
    def subject(self, options: t.Mapping[str, t.Any]) -> str:
        """Return what the status file of a run with these options is about."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the module, showing its progress where that can be."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        interval = self._interval(variables)
        job = self._start(variables) if interval and self._may_follow() else None
        if job is None:
            return merge_hash(result, self._run_plainly(variables))
        if isinstance(job, dict):
            return merge_hash(result, job)
        return merge_hash(result, self._follow(job, variables, interval))

    def _interval(self, variables: t.Mapping[str, t.Any]) -> float:
        value = self._templar.template(variables.get(INTERVAL_VARIABLE, INTERVAL))
        try:
            interval = float(value)
        except (TypeError, ValueError):
            interval = -1.0
        if not 0 <= interval < NO_LIMIT:
            raise AnsibleActionFail(
                f"The variable {INTERVAL_VARIABLE} is {value!r}, which is not a number of seconds. Use one such as 15, "
                "or 0 to show no progress."
            )
        return interval

    def _may_follow(self) -> bool:
        """Whether the task may run as a job: the user did not decide otherwise, and no secret would touch a disk."""
        task, connection = self._task, self._connection
        if task.async_val or task.check_mode or task.no_log or task.args.get("login_password"):
            return False
        if getattr(connection, "has_native_async", False) or getattr(connection, "always_pipeline_modules", False):
            return False
        # Mitogen keeps its own interpreters on the host and runs modules inside of them.
        if type(connection).__module__.startswith("ansible_mitogen"):
            return False
        return getattr(connection._shell, "SHELL_FAMILY", "") == "sh"

    def _run_plainly(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        """Do what Ansible does for a module without an action plugin."""
        wrap = bool(self._task.async_val) and not getattr(self._connection, "has_native_async", False)
        result = self._execute_module(task_vars=variables, wrap_async=wrap)
        if not wrap:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _start(self, variables: dict[str, t.Any]) -> Job | dict[str, t.Any] | None:
        """Start the job. Return None when there is none and the module can run plainly, a result when it failed."""
        status_file = self._status_file()
        if status_file is None:
            return None
        stale = self._read_status(status_file)
        if not self._may_have_files():
            return None
        self._module_dir = self._connection._shell.tmpdir
        before, self._task.async_val = self._task.async_val, NO_LIMIT
        try:
            started = self._execute_module(task_vars=variables, wrap_async=True)
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as exc:
            # Before anything runs: such as files that a user without privileges may not hand to another one.
            self._display.vv(f"{self._label}: no progress, because the module cannot run as a job: {exc}")
            self._remove_tmp_path(self._connection._shell.tmpdir, force=True)
            return None
        finally:
            self._task.async_val = before
        identity, file = started.get("ansible_job_id"), started.get("results_file")
        if isinstance(identity, str) and isinstance(file, str) and not started.get("failed"):
            self._facts = started.get("ansible_facts")
            return Job(identity, file, status_file, stale)
        if str(started.get("msg", "")).startswith("could not create directory"):
            self._display.vv(f"{self._label}: no progress, because job files cannot be written: {started['msg']}")
            return None
        return t.cast("dict[str, t.Any]", started)

    def _may_have_files(self) -> bool:
        """Whether the host has a place for the job's module, which a pipelined run does not need."""
        if self._connection._shell.tmpdir is None:
            try:
                self._make_tmp_path()
            except AnsibleError as exc:
                self._display.vv(f"{self._label}: no progress, because job files cannot be written: {exc}")
                return False
        return True

    def _status_file(self) -> str | None:
        """Return the path of this run's status file, None when the options are not even good for that."""
        state_dir = self._task.args.get("state_dir", host_state.DIRECTORY)
        try:
            subject = self.subject(self._task.args)
        except (KeyError, RecoveryError):
            return None
        if not state_dir or not isinstance(state_dir, str):
            return None
        directory = host_state.STATUS.folder(self._remote_expand_user(state_dir))
        return status_path(directory, self.OPERATION, subject)

    def _follow(self, job: Job, variables: dict[str, t.Any], interval: float) -> dict[str, t.Any]:
        try:
            lost = Watch(self, job, interval).until_end()
        except AnsibleError:
            raise
        except BaseException:
            # The task's time is up, or the play is ending: the module undoes what it began.
            self._stop(job)
            raise
        if lost:
            self._low_level_execute_command(f"rm -f -- {shlex.quote(job.file)}")
            self._remove_module()
            return {"failed": True, "msg": lost, "job_id": job.identity}
        return self._collect(job, variables)

    def _collect(self, job: Job, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        """Fetch the result as Ansible does, so that what it makes of warnings and errors is the same."""
        arguments = {"jid": job.identity, "mode": "status", "_async_dir": os.path.dirname(job.file)}
        result = self._execute_module(
            module_name="ansible.legacy.async_status", module_args=arguments, task_vars=variables
        )
        self._low_level_execute_command(f"rm -f -- {shlex.quote(job.file)}")
        self._remove_tmp_path(self._connection._shell.tmpdir)
        self._remove_module()
        if "cmd" in result and "data" in result and result.get("failed"):
            # The job's way of saying that the module ended without a word that could be understood.
            output = {"module_stdout": result.pop("data"), "module_stderr": result.get("stderr", "")}
            result |= output | {"exception": result["msg"], "msg": f"MODULE FAILURE: {_last_line(output)}"}
            del result["cmd"]
        for key in JOB_KEYS:
            result.pop(key, None)
        if self._facts:
            result["ansible_facts"] = merge_hash(self._facts, result.get("ansible_facts") or {})
        return t.cast("dict[str, t.Any]", result)

    def _remove_module(self) -> None:
        """Remove the directory of the job's module. The job tries, and cannot where it runs as another user."""
        if self._module_dir and self._is_become_unprivileged() and not constants.DEFAULT_KEEP_REMOTE_FILES:
            self._remove_tmp_path(self._module_dir, force=True)

    def _stop(self, job: Job) -> None:
        current = self._read_status(job.status_file)
        if current is not None and current.pid > 1 and not current.result and _is_of_run(current, job):
            self._low_level_execute_command(f"kill -TERM {current.pid}")

    def _read_status(self, path: str) -> status.Status | None:
        answer = self._low_level_execute_command(f"cat -- {shlex.quote(path)} 2>/dev/null")
        return status.parse(answer.get("stdout") or "")

    def poll(self, job: Job) -> tuple[bool, status.Status | None]:
        """Return whether the job runs, as its file says, and its status."""
        command = f"cat -- {shlex.quote(job.file)}; echo; echo {MARK}; cat -- {shlex.quote(job.status_file)}"
        answer = self._low_level_execute_command(f"{{ {command}; }} 2>/dev/null")
        first, _mark, second = str(answer.get("stdout") or "").partition(f"\n{MARK}")
        current = status.parse(second)
        return is_running(first), current if current is not None and _is_of_run(current, job) else None

    def is_alive(self, job: Job) -> bool:
        """Return whether processes of the job are there. Without a /proc that can be read, it is believed to be."""
        name = job.identity.split(".")[0]
        # In brackets, so that the command does not find itself.
        pattern = shlex.quote(f"[{name[0]}]{name[1:]}")
        command = f"[ ! -r /proc/self/cmdline ] || grep -aqsw -e {pattern} /proc/[0-9]*/cmdline"
        return int(self._low_level_execute_command(command).get("rc", 0)) == 0

    def say(self, text: str) -> None:
        """Show a line. On standard error, where it is seen, and does not mix into a result that a program reads."""
        self._display.display(f"[{self._label}] {text}", stderr=True)

    def waiting(self, seconds: float) -> str:
        """Return the line for work that left no status."""
        subject = self.subject(self._task.args).removeprefix("main/")
        return f"{self.OPERATION} of {subject}: running for {human_duration(seconds)}"

    def reconnect(self) -> None:
        """Drop a connection that broke, where its plugin knows how."""
        reset = getattr(self._connection, "reset", None)
        if reset is not None:
            reset()

    @property
    def _label(self) -> str:
        host = str(self._task_host())
        return f"{host} -> {self._task.delegate_to}" if self._task.delegate_to else host

    def _task_host(self) -> t.Any:
        return self._templar.available_variables.get("inventory_hostname", self._play_context.remote_addr)


def _is_of_run(current: status.Status, job: Job) -> bool:
    return job.stale is None or current.run != job.stale.run


def _last_line(output: t.Mapping[str, str]) -> str:
    lines = f"{output['module_stdout']}\n{output['module_stderr']}".split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else "it ended without output, as if killed"
