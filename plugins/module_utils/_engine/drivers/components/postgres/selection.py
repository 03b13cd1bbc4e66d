# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which entries of an archive belong to chosen tables: pg_restore's own `-t` would lose their keys, indexes and defaults.

What a table owns comes along whenever all that it needs does; what it requires (types, functions, schemas) comes along
into a fresh database and is expected to be there in an existing one.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ....ground.errors import UsageError
from . import toc
from .layout import Choice

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from .layout import Layout
    from .toc import Entry

Name = tuple[str, str]

_OWNED = frozenset(
    {
        "ACL",
        "CHECK CONSTRAINT",
        "COMMENT",
        "CONSTRAINT",
        "DEFAULT",
        "FK CONSTRAINT",
        "INDEX",
        "INDEX ATTACH",
        "POLICY",
        "ROW SECURITY",
        "RULE",
        "SECURITY LABEL",
        "SEQUENCE",
        "SEQUENCE OWNED BY",
        "STATISTICS",
        "STATISTICS DATA",
        "TABLE ATTACH",
        "TRIGGER",
    }
)
_SOLID = frozenset({"TABLE", "INDEX", "CONSTRAINT"})
"""Kinds that an owned entry cannot do without: a foreign key needs the other table and its key."""

_WORTH_TELLING = frozenset({"FK CONSTRAINT", "TABLE ATTACH", "VIEW", "MATERIALIZED VIEW", "PUBLICATION TABLE"})


@dataclasses.dataclass(frozen=True, slots=True)
class Selected:
    """
    What is restored for some tables. `tables` are the TABLE entries, partitions included; `along` what comes with
    them and `left_out` what uses them and stays behind, both for people.
    """

    choice: Choice
    tables: tuple[Entry, ...]
    along: tuple[str, ...]
    left_out: tuple[str, ...]


def select(
    entries: Sequence[Entry],
    rest: Sequence[Entry],
    layout: Layout,
    wanted: Iterable[Name],
    *,
    owners: Collection[str],
    schemas: Collection[str] | None,
) -> Selected:
    """
    Choose. `schemas` are those of the existing database to restore into, None for a fresh one.

    Raise UsageError when the backup has no such table, or two that its list cannot tell apart.
    """
    tables = _with_partitions(entries, [_find(entries, name, owners) for name in wanted])
    own = _own(entries, {entry.number for entry in tables})
    required = _required(entries, own) - own
    if schemas is None:
        numbers = own | required | _said_about(entries, required)
    else:
        made = [entry for entry in entries if entry.number in required and entry.kind == "SCHEMA"]
        numbers = own | {entry.number for entry in made if entry.name(owners).split(" ", 2)[2] not in schemas}
    asked, chosen = {entry.number for entry in tables}, {entry.oid for entry in tables}
    sequences = {entry.identity for entry in entries if entry.number in own and entry.kind == "SEQUENCE"}
    data = {
        entry.number
        for entry in rest
        if (entry.kind == "TABLE DATA" and entry.oid in chosen)
        or (entry.kind == "SEQUENCE SET" and entry.identity in sequences)
    }
    beginnings = {entry.identity for entry in tables}
    parts = {part.number for part in layout.parts if _named(beginnings, (part.schema, part.name), owners)}
    return Selected(
        Choice(frozenset(numbers), frozenset(data), frozenset(parts)),
        tuple(tables),
        tuple(entry.name(owners) for entry in entries if entry.number in numbers - asked),
        tuple(_left_out(entries, tables, numbers, owners)),
    )


def _find(entries: Sequence[Entry], name: Name, owners: Collection[str]) -> Entry:
    found = [e for e in entries if e.kind == "TABLE" and _named({e.identity}, name, owners)]
    if len(found) != 1:
        problem = "is not in the backup" if not found else "cannot be told apart from another one in the archive"
        raise UsageError(
            f"The table {'.'.join(name)} {problem}.",
            "Write schema.table as in the source; put parts with dots or capitals in double quotes.",
            field="tables",
        ).naming(".".join(name))
    return found[0]


def _named(identities: Collection[str], name: Name, owners: Collection[str]) -> bool:
    beginning = f"{toc.plain(name[0])} {toc.plain(name[1])} "
    known = {toc.plain(owner) for owner in owners}
    return any(one.startswith(beginning) and one[len(beginning) :] in known for one in identities)


def _with_partitions(entries: Sequence[Entry], roots: list[Entry]) -> list[Entry]:
    """Add the partitions of partitioned tables, and theirs."""
    by_number = {entry.number: entry for entry in entries if entry.kind == "TABLE"}
    by_identity = {entry.identity: entry for entry in by_number.values()}
    attached = [
        (by_identity[entry.identity].number, entry.needs)
        for entry in entries
        if entry.kind == "TABLE ATTACH" and entry.identity in by_identity
    ]
    chosen = more = {entry.number for entry in roots}
    while more:
        more = {child for child, needs in attached if not chosen.isdisjoint(needs)} - chosen
        chosen = chosen | more
    return [entry for entry in by_number.values() if entry.number in chosen]


def _own(entries: Sequence[Entry], tables: set[int]) -> set[int]:
    """Return the tables and all they own: what depends on them, and on nothing solid that is not there."""
    by_number = {entry.number: entry for entry in entries}
    own = set(tables)
    before = 0
    while before != len(own):
        before = len(own)
        for entry in entries:
            if entry.number in own or entry.kind not in _OWNED or not own & set(entry.needs):
                continue
            solid = {n for n in entry.needs if n in by_number and by_number[n].kind in _SOLID}
            if solid <= own:
                own.add(entry.number)
                # The sequence behind a serial column depends on no table; its OWNED BY depends on both.
                own |= {n for n in entry.needs if n in by_number and by_number[n].kind == "SEQUENCE"}
    return own


def _required(entries: Sequence[Entry], start: set[int]) -> set[int]:
    by_number = {entry.number: entry for entry in entries}
    seen: set[int] = set()
    waiting = list(start)
    while waiting:
        number = waiting.pop()
        if number in by_number and number not in seen:
            seen.add(number)
            waiting += by_number[number].needs
    return seen


def _said_about(entries: Sequence[Entry], numbers: set[int]) -> set[int]:
    kinds = {"COMMENT", "ACL", "SECURITY LABEL"}
    return {e.number for e in entries if e.kind in kinds and e.needs and set(e.needs) <= numbers}


def _left_out(
    entries: Sequence[Entry], tables: Sequence[Entry], numbers: set[int], owners: Collection[str]
) -> Iterable[str]:
    asked = {entry.number for entry in tables}
    names = [entry.name(owners).removeprefix("TABLE ") + " " for entry in tables]
    for entry in entries:
        if entry.number in numbers or entry.kind not in _WORTH_TELLING or not asked & set(entry.needs):
            continue
        # A foreign key of another table to a chosen one is that table's.
        if entry.kind != "FK CONSTRAINT" or any(entry.identity.startswith(name) for name in names):
            yield entry.name(owners)
