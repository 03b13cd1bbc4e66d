# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The one place that knows both Ansible and the engine: options become a request, an outcome becomes a result.

This file is private to the collection. Errors that the engine raises on purpose become `fail_json` here and nowhere
else; whatever else is raised is a mistake in this software, and Ansible shows its traceback.
"""

from __future__ import annotations

import datetime
import functools
import os
import platform
import signal
import time
import typing as t
from types import MappingProxyType

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]

from ._engine.drivers.components.postgres.login import forget_environment
from ._engine.ground.errors import RecoveryError
from ._engine.ground.model import Done, Outcome, World
from ._engine.ground.process import ENDINGS
from ._engine.records.audit import auditing
from ._engine.records.audit.log import AuditLog
from ._engine.records.repository import names
from ._engine.records.schedule import jobs
from ._given import KEY_VARIABLE, Given, account

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._argspec import ArgumentSpec

Request = t.TypeVar("Request")

RESERVED = frozenset(
    {
        "ansible_job_id",
        "changed",
        "diff",
        "exception",
        "failed",
        "finished",
        "msg",
        "results_file",
        "started",
        "warnings",
    }
)
"""Keys of a result that belong to Ansible: a fact of that name would be mistaken, `started` even for a running job."""

_ASKED = ("application", "requested_by", "ticket")
"""Options that hold for all that a run does."""


class Ended(SystemExit):
    """
    Somebody asked this process to end. Not an Exception, so that only clean-up code meets it.

    A SystemExit, because psycopg ends the query that one interrupts: the session can then be cleaned up with.
    """


class Runner(t.Protocol):
    """What is needed of an AnsibleModule."""

    params: Mapping[str, t.Any]
    check_mode: bool
    _diff: bool

    def warn(self, warning: str) -> None:
        """Keep a warning for the result."""

    def exit_json(self, **result: t.Any) -> t.NoReturn:
        """End with this result."""

    def fail_json(self, **result: t.Any) -> t.NoReturn:
        """End with this failure."""


def run(
    spec: ArgumentSpec,
    request: Callable[[Given], Request],
    use_case: Callable[[Request, World], Outcome],
    *,
    operation: str = "",
    several: str = "",
    about: Mapping[str, str] = MappingProxyType({}),
    runner: Runner | None = None,
) -> None:
    """
    Read the options, do the work, and end the module, or the `runner` that has read them, with what came of it.

    The audit log gets an entry of an `operation`, one of verbs.OPERATIONS. A module that only reads names none. Where
    the option `several` has databases, each has an entry of its own: by World.record, or, if none was begun, from here.
    `about` says what it is about as options would, where the module has none for that.
    """
    module = AnsibleModule(**spec.to_kwargs()) if runner is None else runner
    forget_environment(os.environ)
    began = time.monotonic()
    recorded: list[Done] = []
    parts = [{"login_db": name} for name in dict.fromkeys(module.params.get(several) or ())]
    remember = functools.partial(_remember, module, operation, began=began, parts=parts, about=about, recorded=recorded)
    for number in ENDINGS:
        signal.signal(number, _end)
    try:
        record = _recorder(module, recorded)
        outcome = use_case(request(Given(module.params, os.environ)), world(dry_run=module.check_mode, record=record))
    except RecoveryError as exc:
        remember(exc)
        module.fail_json(**failure(exc))
    except Ended as exc:
        remember(exc)
        module.fail_json(msg=f"{auditing.stopped(exc)} Unfinished work was rolled back.", error="Ended")
    except Exception as exc:
        remember(exc)
        raise
    remember(outcome)
    for warning in outcome.warnings:
        module.warn(plain(warning))
    # A private attribute, and the only way to know: Ansible has no other name for it.
    result = success(outcome, with_diff=module._diff)
    if outcome.error is None:
        module.exit_json(**result)
    traceback = {"exception": outcome.traceback} if outcome.traceback else {}
    module.fail_json(**{**result, **failure(outcome.error), **traceback})


def _remember(
    module: Runner,
    operation: str,
    ended: Outcome | BaseException,
    *,
    began: float,
    parts: Sequence[Mapping[str, str]],
    about: Mapping[str, str],
    recorded: Sequence[Done],
) -> None:
    """
    Write how a run ended into the audit log. What stands in the way of that is a warning, never a failure.

    From here on no signal ends the module any more.
    """
    _end_no_more()
    if not operation or module.check_mode or (parts and recorded):
        return
    for part in parts or [about]:
        _write(module, operation, {**module.params, **part}, ended, time.monotonic() - began)


def _recorder(module: Runner, recorded: list[Done]) -> Callable[[Done], None]:
    """Return what writes something into the audit log that is done while the run goes on, as asked for by who asked."""

    def record(done: Done) -> None:
        recorded.append(done)
        if not module.check_mode:
            asked = {name: module.params.get(name) for name in _ASKED}
            _write(module, done.operation, {**asked, **done.about}, done.ended, done.seconds)

    return record


def _write(
    module: Runner,
    operation: str,
    options: Mapping[str, t.Any],
    ended: Outcome | BaseException,
    seconds: float,
) -> None:
    try:
        events = auditing.events(
            operation,
            {"component": component(options), **options},
            ended,
            now=_now(),
            host=platform.node(),
            os_user=account(),
            seconds=seconds,
            job=os.environ.get(jobs.VARIABLE, ""),
        )
        entries = AuditLog(module.params.get("state_dir")).extend(events, sleep=time.sleep)
    except Exception as exc:  # noqa: BLE001 - a backup that was made stays made
        module.warn(f"This run could not be written to the audit log. {exc}")
        return
    if torn := entries and entries[0].facts.get("torn_bytes"):
        module.warn(
            f"The audit log ended in an incomplete line of {torn} bytes, as after a power failure. It was removed."
        )


def component(options: Mapping[str, t.Any]) -> str:
    """Return the component that a module's options mean, the cluster where they mean all of it."""
    cluster, database = options.get("cluster"), options.get("database") or options.get("login_db")
    return names.component(str(cluster), str(database)) if cluster and database else str(cluster or "")


def world(*, dry_run: bool, record: Callable[[Done], None]) -> World:
    """Return the real world. The recovery key stays out of it: no program that is started here may inherit it."""
    environ = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    return World(now=_now, sleep=time.sleep, environ=environ, dry_run=dry_run, record=record)


def failure(error: RecoveryError) -> dict[str, t.Any]:
    """Return what `fail_json` is called with."""
    return {**_named(error.details), "msg": plain(str(error)), "error": type(error).__name__}


def success(outcome: Outcome, *, with_diff: bool) -> dict[str, t.Any]:
    """Return what `exit_json` is called with."""
    result = {**_named(outcome.facts), "changed": outcome.changed}
    if with_diff and outcome.changed and outcome.before != outcome.after:
        result["diff"] = plain({"before": outcome.before, "after": outcome.after})
    return result


def plain(value: object) -> t.Any:
    """Return what JSON can hold, for anything that the engine puts into facts and details."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):  # a name of PostgreSQL may hold bytes that are no UTF-8
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _named(values: Mapping[str, object]) -> dict[str, t.Any]:
    """Return facts or details as keys of a result, those that Ansible would mistake under another name."""
    return {f"run_{name}" if name in RESERVED else name: plain(value) for name, value in values.items()}


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _end(number: int, _frame: object) -> t.NoReturn:
    # A second signal must not interrupt the clean-up that the first one began.
    _end_no_more()
    raise Ended(signal.Signals(number).name)


def _end_no_more() -> None:
    """Let no signal interrupt what is nearly over: what came of a run has to be told."""
    for each in ENDINGS:
        signal.signal(each, signal.SIG_IGN)
