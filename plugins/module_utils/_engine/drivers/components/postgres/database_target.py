# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database as something that is restored: which plan that takes."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ....ground.errors import Busy
from . import staging_database, tables_plan
from .database_plan import DatabasePlan
from .layout import KIND, BackupContents
from .restore_options import RestoreOptions
from .staging_records import StagingRecords

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..base import Run, Stored
    from ..target import Plan


@dataclasses.dataclass(frozen=True, slots=True)
class DatabaseTarget(RestoreOptions):
    """A database that a logical backup, or chosen tables of it, go back to."""

    own_facts: t.ClassVar[tuple[str, ...]] = (
        *("strategy", "roles", "stays", "table_bytes"),
        *("chosen", "along", "left_out", "dropped_leftovers"),
    )

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of backups that it takes."""
        return frozenset({KIND})

    @contextlib.contextmanager
    def plan(self, chain: Sequence[Stored], run: Run) -> Iterator[Plan]:
        """
        Hold the session that manages databases, and the lock on the target, while the plan is made and carried out.

        Raise Busy when another restore holds it.
        """
        contents = BackupContents.of(chain[-1])
        kind = tables_plan.TablesPlan if self.tables else DatabasePlan
        with (
            staging_database.manage(self.login, StagingRecords(run.state_dir)) as session,
            contextlib.ExitStack() as stack,
        ):
            plan = kind(session, self, contents, run, stack)
            if not session.lock(f"into {plan.target}"):
                raise Busy(f"Another restore into {plan.target!r} is running.", "Wait for it to finish.")
            # What killed runs left. Only where there is any are the rights asked for.
            if not run.world.dry_run and any(staging_database.left(session).values()):
                with run.rights():
                    plan.drop_leftovers()
            yield plan
