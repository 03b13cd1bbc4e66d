# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rescue of rows is asked for with."""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.components.postgres.connection import check_name
from ...drivers.components.postgres.members import Scope
from ...drivers.components.postgres.row_rescue import Wanted
from ...drivers.components.postgres.trials import ScratchTrial
from ...ground.errors import UsageError, require_one_of
from ...records.anomalies.thresholds import DEFAULTS, Thresholds

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ...drivers.components.postgres.connection import Login
    from ...records.repository.catalogue import RepositorySettings
    from ..pitr.standing import Moment

DELETES = ("report", "apply")
TRIGGERS = ("on", "off")


@dataclasses.dataclass(frozen=True, slots=True)
class RescueRequest:
    """
    Which rows to bring back, from where, and what may happen to those that are there.

    `tables` are as people write them, and so are the names in `unique`, which has the name of a key, and in `where`.
    `login` and `target_db` are the living side, to which `os_user` connects. `loan` is the socket at which rights are
    lent.

    With `moment` they are rescued from the whole server as it was then; without, from a `backup` of the database, for
    which `trial` has a place.
    """

    repository: RepositorySettings
    cluster: str
    database: str
    login: Login
    tables: tuple[str, ...]
    backup: str = "latest"
    target_db: str = ""
    os_user: str = ""
    unique: Mapping[str, str] = dataclasses.field(default_factory=dict)
    where: Mapping[str, str] = dataclasses.field(default_factory=dict)
    deletes: str = "report"
    triggers: str = "on"
    confirm: str = ""
    show_rows: bool = False
    loan: str = ""
    moment: Moment | None = None
    trial: ScratchTrial = dataclasses.field(default_factory=ScratchTrial)
    thresholds: Thresholds = DEFAULTS

    def check(self) -> None:
        """Raise UsageError on values that cannot be meant."""
        require_one_of("deletes", self.deletes, DELETES)
        require_one_of("triggers", self.triggers, TRIGGERS)
        check_name(self.database, "database")
        check_name(self.living, "target_db")
        self.wanted()
        if self.moment is not None:
            self.moment.check()

    @property
    def living(self) -> str:
        """The living database."""
        return self.target_db or self.database

    def wanted(self) -> Wanted:
        """Return which tables, and what may happen to them. Raise UsageError where a name is none, or not chosen."""
        tables = Scope.of((), self.tables).tables
        if not tables:
            raise UsageError("tables is empty.", "Name the tables whose rows are to be rescued.", field="tables")
        return Wanted(
            tables,
            _of_tables("unique_keys", self.unique, tables),
            _of_tables("where", self.where, tables),
            deletes=self.deletes == "apply",
            triggers=self.triggers == "on",
        )


def _of_tables(field: str, given: Mapping[str, str], tables: tuple[tuple[str, str], ...]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for name, value in given.items():
        (table,) = Scope.of((), [name]).tables
        if table not in tables:
            raise UsageError(
                f"{field} has {name}, which is not one of tables.", "Name it as in tables.", field=field
            ).naming(name)
        found[table] = value
    return found
