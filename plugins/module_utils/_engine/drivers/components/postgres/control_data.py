# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the control file of a cluster says, whether or not its server runs: read by PostgreSQL's pg_controldata."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ....ground import process
from ....ground.errors import DatabaseError, ProcessFailed
from .wal_files import lsn

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CLEAN = frozenset({"shut down", "shut down in recovery"})
"""The states in which the data directory needs no crash recovery."""

_SETTINGS = {
    "wal_level": "wal_level",
    "wal_log_hints": "wal_log_hints",
    "track_commit_timestamp": "track_commit_timestamp",
    "max_connections": "max_connections",
    "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders",
    "max_prepared_transactions": "max_prepared_xacts",
    "max_locks_per_transaction": "max_locks_per_xact",
}
"""Settings, and what pg_controldata calls them."""


@dataclasses.dataclass(frozen=True, slots=True)
class ControlData:
    """
    The state of a cluster. `checkpoint` is where its last checkpoint begins, on `timeline`.

    `rewindable` says that pg_rewind can work on it: it has data checksums, or wrote hints to its WAL. `settings` are
    those of the server when it wrote the file: what replays its WAL needs no smaller ones. `replayed` is how far a
    recovery has changed the files, 0 where none has.
    """

    system_identifier: str
    state: str
    timeline: int
    checkpoint: int
    checksums: bool
    hints: bool
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    replayed: int = 0

    @property
    def clean(self) -> bool:
        """Whether the server was shut down, so that its WAL ends with a checkpoint."""
        return self.state in CLEAN

    @property
    def rewindable(self) -> bool:
        return self.checksums or self.hints


def read(bin_dir: str, data_dir: str, prefix: Sequence[str] = ()) -> ControlData:
    """
    Return what the control file says; `prefix` starts a program as who may read it. Raise DatabaseError where there is
    none that this version can read.
    """
    argv = [*prefix, os.path.join(bin_dir, "pg_controldata"), f"--pgdata={data_dir}"]
    try:
        said = process.run(argv, env={"LC_ALL": "C"}, limit=1 << 16).decode("utf-8", "replace")
    except ProcessFailed as exc:
        raise DatabaseError(
            f"{data_dir} is no data directory of PostgreSQL that can be read: {exc.cause}",
            "Correct its path, or the version of PostgreSQL.",
        ) from exc
    fields = {
        name.strip(): value.strip() for name, _colon, value in (line.partition(":") for line in said.splitlines())
    }
    try:
        return ControlData(
            system_identifier=fields["Database system identifier"],
            state=fields["Database cluster state"],
            timeline=int(fields["Latest checkpoint's TimeLineID"]),
            checkpoint=lsn(fields["Latest checkpoint location"]),
            checksums=fields["Data page checksum version"] != "0",
            hints=fields["wal_log_hints setting"] == "on",
            replayed=lsn(fields["Minimum recovery ending location"]),
            settings={name: fields[f"{shown} setting"] for name, shown in _SETTINGS.items()},
        )
    except (KeyError, ValueError) as exc:
        raise DatabaseError(f"What pg_controldata says of {data_dir} is not understood: {exc}.") from exc
