# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rescue reads from: tables of a logical backup in a scratch cluster, proved, or any database within walls."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ....ground.errors import ProofMismatch
from . import scratch_cluster, toc
from .connection import connect, permit_views
from .load import Loader
from .restore_options import RestoreOptions
from .selection import select
from .tables_plan import TablesPlace
from .wording import DATABASE

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..base import Run
    from .connection import Connection, Login
    from .layout import BackupContents
    from .selection import Selected
    from .trials import ScratchTrial

    Name: t.TypeAlias = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A database as it was: the session in which it is read, and what is worth knowing of it."""

    connection: Connection
    warnings: tuple[str, ...] = ()


@contextlib.contextmanager
def restored(trial: ScratchTrial, contents: BackupContents, run: Run, tables: Sequence[Name]) -> Iterator[Source]:
    """
    Yield the tables of a backup, in a cluster that is gone afterwards.

    Raise UsageError for a table that the backup has not, ProofMismatch when one is not as it was backed up.
    """
    with trial.tools(contents, run) as tools:
        with scratch_cluster.prepared(tools, contents) as made:
            with Loader(tools, contents, run.phases, trial.accept_failed) as loader:
                chosen = select(
                    loader.entries, loader.rest_entries, contents.layout, tables, owners=contents.owners, schemas=None
                )
                loaded = loader.load(DATABASE, chosen.choice)
            warnings = (*made.notes, *(str(loss) for loss in loaded.losses if loss.accepted))
        options = RestoreOptions(tools.login, "", DATABASE, "")
        with run.phases("validation"):
            _prove(TablesPlace(options, DATABASE, contents, _names(chosen, contents), warnings))
        with connected(tools.login, DATABASE, warnings) as source:
            yield source


@contextlib.contextmanager
def connected(login: Login, database: str, warnings: tuple[str, ...] = ()) -> Iterator[Source]:
    """Yield a database within walls."""
    with contextlib.closing(connect(login, database)) as connection:
        # In here the owners of views reach nothing but this copy.
        permit_views(connection)
        yield Source(connection, warnings)


def _names(chosen: Selected, contents: BackupContents) -> list[Name]:
    found = {entry.name(contents.owners).removeprefix("TABLE ") for entry in chosen.tables}
    tables = [(table["schema"], table["name"]) for table in contents.detail["tables"]]
    return [name for name in tables if toc.plain(" ".join(name)) in found]


def _prove(place: TablesPlace) -> None:
    if differences := place.compare().differences:
        raise ProofMismatch(
            f"The data restored from the backup differs from the source: {differences[0]}.",
            "Nothing was changed. Try an earlier backup, and find out why.",
            differences=list(differences[:100]),
            first_difference=differences[0],
        ).naming(differences[0])
