# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a stored logical backup consists of, as its records tell it, and what of it a restore wants."""

from __future__ import annotations

import dataclasses
import typing as t

from ....ground.errors import UsageError
from ....ground.units import human_size
from ..base import Figures

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ..base import Stored

KIND = "logical"

FOLLOWED = 2000
"""The largest tables of a backup that are followed one by one; all are in the sum."""


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A data member: one large table (`schema`, `name`) or, with an empty name, the rest. `weight` is in bytes."""

    number: int
    schema: str
    name: str
    weight: int


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """Which members a backup has, and which index entries belong to which of them (catalogue oid, object oid)."""

    structure: int
    parts: tuple[Part, ...]
    rest: Part
    early: Mapping[int, frozenset[tuple[int, int]]]

    @classmethod
    def of(cls, detail: Mapping[str, t.Any]) -> Layout:
        """Read a backup's detail. Raise UsageError when it is none of a logical backup."""
        members = detail.get("members", ())
        by_role: dict[str, list[Mapping[str, t.Any]]] = {}
        for member in members:
            by_role.setdefault(member["role"], []).append(member)
        if not by_role.get("schema") or not by_role.get("rest"):
            raise UsageError("This backup contains nothing to restore.", "Select a logical backup.", field="backup")
        parts = tuple(
            Part(member["number"], member["tables"][0][0], member["tables"][0][1], member["estimate"])
            for member in by_role.get("table", ())
        )
        rest = by_role["rest"][0]
        early = {
            int(number): frozenset((int(catalogue), int(oid)) for catalogue, oid in entries)
            for number, entries in detail.get("post_data", {}).items()
        }
        return cls(by_role["schema"][0]["number"], parts, Part(rest["number"], "", "", rest["estimate"]), early)


def counted(detail: Mapping[str, t.Any]) -> tuple[int, int | None]:
    """
    Return how many tables' rows a backup holds, and how many rows the proof counted in them, None where nobody counted.

    Everybody who says how large a backup is says this. Partitioned and foreign tables have no rows of their own, and
    a materialised view is computed anew, so they are none of them.
    """
    tables = sum(len(member["tables"]) for member in detail["members"])
    entries = detail["proof"].get("tables")
    if entries is None:
        return tables, None
    return tables, sum(int(entry.get("rows", 0)) for entry in entries if entry["sort"] != "materialized view")


def figures(detail: Mapping[str, t.Any]) -> Figures:
    """Return what of a backup is compared with others: the rows of its tables, and its members but the structure."""
    counted = [entry for entry in detail["proof"].get("tables", ()) if entry["sort"] == "table" and "rows" in entry]
    bytes_of = {(entry["schema"], entry["name"]): entry["bytes"] for entry in detail["tables"]}
    counted.sort(key=lambda entry: -bytes_of.get((entry["schema"], entry["name"]), 0))
    own = [member for member in detail["members"] if member["role"] == "table"][:FOLLOWED]
    rest = {member["role"]: member["number"] for member in detail["members"] if member["role"] == "rest"}
    return Figures(
        compression=str(detail.get("compression", "")),
        rows=sum(int(entry["rows"]) for entry in counted) if "tables" in detail["proof"] else None,
        parts={f"{entry['schema']}.{entry['name']}": int(entry["rows"]) for entry in counted[:FOLLOWED]},
        members={".".join(member["tables"][0]): member["number"] for member in own} | rest,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """What is restored: entries of the structure and of the rest's data by number, and `parts` by member number."""

    structure: frozenset[int]
    rest: frozenset[int]
    parts: frozenset[int]


@dataclasses.dataclass(frozen=True, slots=True)
class BackupContents:
    """A backup and its records."""

    backup: Stored
    detail: Mapping[str, t.Any]
    roles: Mapping[str, t.Any]
    layout: Layout

    @classmethod
    def of(cls, backup: Stored) -> BackupContents:
        """Read the records of `backup`, after every seal opened. Raise UsageError when nothing is in it."""
        backup.check_opens()
        detail = backup.record("detail")
        return cls(backup, detail, backup.record("globals"), Layout.of(detail))

    @property
    def owners(self) -> frozenset[str]:
        """The names of the source's roles."""
        return frozenset(role["name"] for role in self.roles["roles"])

    @property
    def dumped_by(self) -> str:
        """The version of the pg_dump that made it, such as 17.6."""
        return str(self.backup.manifest.versions.get("pg_dump", ""))

    @property
    def dump_major(self) -> int:
        """The major version of that pg_dump, 0 where it is not known."""
        return int(self.dumped_by.split(".", 1)[0] or 0)

    @property
    def source_major(self) -> int:
        """The major version of the source's server."""
        return int(self.detail["source"]["server_version_num"]) // 10000

    @property
    def table_bytes(self) -> int:
        """Bytes of all tables in the source, without indexes."""
        return sum(int(table["bytes"]) for table in self.detail["tables"])

    @property
    def partial(self) -> bool:
        """Whether it holds chosen schemas or tables only."""
        return bool(self.detail["proof"].get("partial"))

    @property
    def size(self) -> str:
        """How many tables there are, and how large they were."""
        return f"{counted(self.detail)[0]} tables, {human_size(self.table_bytes)}"

    @property
    def said(self) -> str:
        """How many tables and rows there are."""
        tables, rows = counted(self.detail)
        return f"{tables} tables with {rows or 0:,} rows"
