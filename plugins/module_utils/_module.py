# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The one place that knows both Ansible and the engine: options become a request, an outcome becomes a result.

This file is private to the collection. Errors that the engine raises on purpose become `fail_json` here and nowhere
else; whatever else is raised is a mistake in this software, and Ansible shows its traceback.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import platform
import pwd
import re
import signal
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]

from ._engine import disk, units, vaults
from ._engine.audit import auditing
from ._engine.audit.log import AuditLog
from ._engine.catalogue.catalogue import RepositorySettings
from ._engine.errors import RecoveryError, UsageError
from ._engine.keys.custody import KeySettings
from ._engine.model import Done, Outcome, World
from ._engine.postgres.connection import Login
from ._engine.stores.opening import StoreSettings

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._argspec import ArgumentSpec

Request = t.TypeVar("Request")

KEY_VARIABLE = "BACKUP_ENCRYPTION_KEY"

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

_ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Ended(BaseException):
    """Somebody asked this process to end. Not an Exception, so that only clean-up code meets it."""


class Given:
    """The options of a module run, and how they become what requests are made of."""

    def __init__(self, params: Mapping[str, t.Any], environ: Mapping[str, str]) -> None:
        self._params = params
        self._environ = environ

    def __getitem__(self, name: str) -> t.Any:
        return self._params[name]

    def many(self, name: str) -> tuple[t.Any, ...]:
        """Give a list option as a tuple, empty when it is not set."""
        return tuple(self._params[name] or ())

    def records(self, name: str) -> tuple[dict[str, t.Any], ...]:
        """Give a list of dictionaries without the keys that are not set."""
        return tuple({key: value for key, value in item.items() if value is not None} for item in self.many(name))

    def seconds(self, name: str) -> float | None:
        """Give a time such as 12h in seconds, None when it is not set. Raise UsageError when it is none."""
        text = self._params[name]
        return None if text is None else units.parse_duration(text, name)

    def size(self, name: str) -> int:
        """Give a size such as 64MiB in bytes. Raise UsageError when it is none."""
        return units.parse_size(self._params[name], name)

    def mode(self, name: str) -> int:
        """Give permissions such as 0600. Raise UsageError unless they are four octal digits, the first of them 0."""
        # Without the 0 it may be what YAML made of an octal number without quotes.
        text = self._params[name]
        if not re.fullmatch(r"0[0-7]{3}", text, re.ASCII):
            raise UsageError(
                f"The option {name} is {text!r}, which is no permissions.", 'Give them as "0600".', field=name
            )
        return int(text, 8)

    def time(self, name: str) -> datetime.datetime | None:
        """Give a point in time, None when it is not set. Raise UsageError unless it is ISO 8601 with a zone."""
        text = self._params[name]
        if text is None:
            return None
        try:
            at = datetime.datetime.fromisoformat(text)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise UsageError(
                f"The option {name} is {text!r}, which is no point in time.",
                "Give one such as 2026-11-20T10:00:00Z, with Z or an offset.",
                field=name,
            )
        return at.astimezone(datetime.UTC)

    def repository(self) -> RepositorySettings:
        """Give the application's repository."""
        return RepositorySettings(
            application=self["application"],
            store=self.store(),
            keys=self.keys(),
            state_dir=self["state_dir"] or None,
        )

    def store(self) -> StoreSettings:
        """Give the store. Raise UsageError when there is none."""
        if not self["store"]:
            raise UsageError("The option store is missing.", "Say where the backups lie.", field="store")
        return StoreSettings(**self["store"])

    def keys(self) -> KeySettings:
        """Give the keys of the option of that name."""
        options = dict(self["keys"] or {})
        roots = tuple(options.pop("roots", None) or ())
        roots_file = options.pop("roots_file", None)
        if roots_file:
            roots += read_roots(roots_file)
        recovery = self._recovery_key(options.pop("recovery_key_file", None))
        return dataclasses.replace(recovery, **options, roots=roots)

    def recovery_key(self) -> KeySettings:
        """Give the recovery key alone, of a module that needs no other."""
        return self._recovery_key(self["recovery_key_file"])

    def _recovery_key(self, path: str | None) -> KeySettings:
        """Give the key at `path`, or without one, the key in the environment if it is there."""
        from_environment = None if path else self._environ.get(KEY_VARIABLE)
        return KeySettings(recovery_key_file=path, recovery_key_hex=from_environment or None)

    def server_host(self) -> str:
        """Give the name of the server's host, which with a socket is this one."""
        host = self["login_host"] or ""
        by_socket = self["login_unix_socket"] or not host or host.startswith("/")
        return platform.node() if by_socket else host

    def actor(self) -> tuple[str, str]:
        """Give the name of this host, and the operating system's user who runs this."""
        return platform.node(), _account()

    def login(self) -> Login:
        """Give the way to the server."""
        return Login(
            host=self["login_host"] or "",
            port=self["login_port"],
            user=self["login_user"] or "",
            password=self["login_password"] or "",
            password_file=self["login_password_file"] or "",
            unix_socket=self["login_unix_socket"] or "",
            ssl_mode=self["ssl_mode"],
            ca_cert=self["ca_cert"],
            ssl_cert=self["ssl_cert"],
            ssl_key=self["ssl_key"],
        )


def read_roots(path: str) -> tuple[str, ...]:
    """Give the public keys in a file with one on each line; empty lines and those that begin with # do not count."""
    text = b"".join(disk.read_blocks(path, length=1 << 16)).decode("utf-8-sig", "replace")
    vaults.refuse(text, path, "roots_file")
    roots = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    if not roots:
        raise UsageError(
            f"The file {path} holds no root.", "Write a root's public key into it: 64 digits.", field="roots_file"
        )
    return roots


def run(
    spec: ArgumentSpec,
    request: Callable[[Given], Request],
    use_case: Callable[[Request, World], Outcome],
    *,
    operation: str = "",
    several: str = "",
) -> None:
    """
    Read the options, do the work, and end the module with what came of it.

    The audit log gets an entry of an `operation`, one of audit.OPERATIONS. A module that only reads names none. Where
    the option `several` has databases, each has an entry of its own: by World.record, or, if none was begun, from here.
    """
    module = AnsibleModule(**spec.to_kwargs())
    began = time.monotonic()
    databases = module.params.get(several) or ()
    recorded: list[Done] = []
    for number in _ENDINGS:
        signal.signal(number, _end)
    try:
        record = _recorder(module, recorded)
        outcome = use_case(request(Given(module.params, os.environ)), world(dry_run=module.check_mode, record=record))
    except RecoveryError as exc:
        _remember(module, operation, exc, began, databases=databases, recorded=recorded)
        module.fail_json(**failure(exc))
    except Ended as exc:
        error = RecoveryError(f"{exc} ended this run.", error="Ended")
        _remember(module, operation, error, began, databases=databases, recorded=recorded)
        module.fail_json(msg=f"{exc} ended this run. What it had not finished was taken back.", error="Ended")
    except Exception as exc:
        _remember(module, operation, exc, began, databases=databases, recorded=recorded)
        raise
    _remember(module, operation, outcome, began, databases=databases, recorded=recorded)
    for warning in outcome.warnings:
        module.warn(plain(warning))
    # A private attribute, and the only way to know: Ansible has no other name for it.
    result = success(outcome, with_diff=module._diff)
    if outcome.error is None:
        module.exit_json(**result)
    traceback = {"exception": outcome.traceback} if outcome.traceback else {}
    module.fail_json(**{**result, **failure(outcome.error), **traceback})


def _remember(
    module: AnsibleModule,
    operation: str,
    ended: Outcome | Exception,
    began: float,
    *,
    databases: Sequence[str],
    recorded: Sequence[Done],
) -> None:
    """
    Write how a run ended into the audit log. What stands in the way of that is a warning, never a failure.

    From here on no signal ends the module any more.
    """
    _end_no_more()
    if not operation or module.check_mode or (databases and recorded):
        return
    for about in [{"login_db": name} for name in dict.fromkeys(databases)] or [{}]:
        _write(module, operation, {**module.params, **about}, ended, time.monotonic() - began)


def _recorder(module: AnsibleModule, recorded: list[Done]) -> Callable[[Done], None]:
    """Give what writes something into the audit log that is done while the run goes on, as asked for by who asked."""

    def record(done: Done) -> None:
        recorded.append(done)
        if not module.check_mode:
            asked = {name: module.params.get(name) for name in _ASKED}
            _write(module, done.operation, {**asked, **done.about}, done.ended, done.seconds)

    return record


def _write(
    module: AnsibleModule,
    operation: str,
    options: Mapping[str, t.Any],
    ended: Outcome | Exception,
    seconds: float,
) -> None:
    try:
        events = auditing.events(
            operation,
            options,
            ended,
            now=_now(),
            host=platform.node(),
            os_user=_account(),
            seconds=seconds,
        )
        entries = AuditLog(module.params.get("state_dir")).extend(events, sleep=time.sleep)
    except Exception as exc:  # noqa: BLE001 - a backup that was made stays made
        module.warn(f"The audit log lacks what this run did. {exc}")
        return
    if torn := entries and entries[0].facts.get("torn_bytes"):
        module.warn(f"The audit log ended in half a line of {torn} bytes, as a power cut leaves it. It was cut off.")


def _account() -> str:
    """Give the name of the operating system's user who runs this."""
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def world(*, dry_run: bool, record: Callable[[Done], None]) -> World:
    """Give the real world. The recovery key stays out of it: no program that is started here may inherit it."""
    environ = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    return World(now=_now, sleep=time.sleep, environ=environ, dry_run=dry_run, record=record)


def failure(error: RecoveryError) -> dict[str, t.Any]:
    """Give what `fail_json` is called with."""
    return {**_named(error.details), "msg": plain(str(error)), "error": type(error).__name__}


def success(outcome: Outcome, *, with_diff: bool) -> dict[str, t.Any]:
    """Give what `exit_json` is called with."""
    result = {**_named(outcome.facts), "changed": outcome.changed}
    if with_diff and outcome.changed and outcome.before != outcome.after:
        result["diff"] = plain({"before": outcome.before, "after": outcome.after})
    return result


def plain(value: object) -> t.Any:
    """Give what JSON can hold, for anything that the engine puts into facts and details."""
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
    """Give facts or details as keys of a result, those that Ansible would mistake under another name."""
    return {f"run_{name}" if name in RESERVED else name: plain(value) for name, value in values.items()}


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _end(number: int, _frame: object) -> t.NoReturn:
    # A second signal must not interrupt the clean-up that the first one began.
    _end_no_more()
    raise Ended(signal.Signals(number).name)


def _end_no_more() -> None:
    """Let no signal interrupt what is nearly over: what came of a run has to be told."""
    for each in _ENDINGS:
        signal.signal(each, signal.SIG_IGN)
