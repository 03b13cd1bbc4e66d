# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every check of the doctor takes and gives."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ...records.anomalies.thresholds import DEFAULTS, Thresholds
from ...records.repository import protection

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ...drivers.components.postgres.connection import Login
    from ...ground.errors import RecoveryError
    from ...ground.model import World
    from ...records.audit.log import Entry
    from ...records.recovery.objectives import Objective
    from ...records.repository.catalogue import Backup, Repository, RepositorySettings

Result = t.Literal["ok", "warning", "failed"]

ORDER: tuple[Result, ...] = ("ok", "warning", "failed")


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, why, what to do, and figures for machines."""

    name: str
    result: Result
    cause: str
    remedy: str = ""
    facts: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def record(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return dataclasses.asdict(self)


def ok(name: str, cause: str, **facts: t.Any) -> Check:
    """Return a check that found nothing wrong."""
    return Check(name, "ok", cause, facts=facts)


def warning(name: str, cause: str, remedy: str, **facts: t.Any) -> Check:
    """Return a check that found something to look at soon."""
    return Check(name, "warning", cause, remedy, facts)


def failed(name: str, cause: str, remedy: str, **facts: t.Any) -> Check:
    """Return a check that found what stands between the data and a restore."""
    return Check(name, "failed", cause, remedy, facts)


def refused(name: str, error: RecoveryError) -> Check:
    """Return the check that an error ended."""
    return failed(name, error.cause, error.remedy)


def worst(checks: Iterable[Check]) -> Result:
    """Return the worst result."""
    return max((check.result for check in checks), key=ORDER.index, default="ok")


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """
    When a check warns or fails. Times are seconds, 0 switches the check off; the rest is percent.

    `min_recipients` 0 means one with a single key and two on a sealed host, so that losing one key loses nothing.
    """

    backup_age: float = 48 * 3600.0
    restore_tested_age: float = 48 * 3600.0
    success_rate: int = 80
    storage_used: int = 80
    clock_skew: float = 60.0
    min_recipients: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class ExamineRequest:
    """
    What to examine: a host as its roles configured it.

    Without a `login` there is no database here to look at, as on a validator. `databases` are patterns of names;
    `scratch_dir` is where validation has room, where this host validates. With `only`, no other checks are made.
    """

    repository: RepositorySettings
    cluster: str
    login: Login | None = None
    databases: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    accept_warnings: tuple[str, ...] = ()
    config_dir: str = "/etc/lifeboat"
    scratch_dir: str | None = None
    limits: Limits = Limits()
    thresholds: Thresholds = DEFAULTS
    objectives: tuple[Objective, ...] = ()
    only: tuple[str, ...] = ()
    fail_on: str = "failed"


@dataclasses.dataclass
class Case:
    """
    What the checks share, so that the store and the log are read once: `opened` is None when it cannot be opened.

    `listed` says whether `backups` is what the store holds; a host that may only write knows its own receipts instead.
    """

    request: ExamineRequest
    world: World
    opened: Repository | None = None
    problem: RecoveryError | None = None
    backups: list[Backup] = dataclasses.field(default_factory=list)
    listed: bool = False
    databases: list[str] = dataclasses.field(default_factory=list)

    def wants(self, name: str) -> bool:
        """Whether a check of this name is asked for: what costs something is left out otherwise."""
        return not self.request.only or name in self.request.only

    @property
    def state_dir(self) -> str | None:
        """Where the host remembers."""
        return self.request.repository.state_dir

    @property
    def application(self) -> str:
        """Whose backups they are."""
        return self.request.repository.application

    @functools.cached_property
    def runs(self) -> list[Entry]:
        """How the runs of this host ended. Raise StoreError without the right to read its log."""
        return protection.read_runs(self.state_dir, self.application, self.world.now())
