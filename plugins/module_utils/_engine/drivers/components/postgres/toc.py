# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What an archive of pg_dump contains, as `pg_restore --list` tells it.

The list is read, and not the archive's binary head: the programs know their own format, every version of it. Names in
it are for people, since it has line breaks replaced; what counts are the numbers.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ....ground.errors import Tampered

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

INDEX = 1259
CONSTRAINT = 2606
"""Oids of the catalogues pg_class and pg_constraint, which are the same in every server."""

_LINE = re.compile(r"(?P<id>\d+); (?P<catalogue>\d+) (?P<oid>\d+) (?P<text>.*)")
_DEPENDS = re.compile(r";\s+depends on: (?P<ids>[\d ]+)")
_FAILED = re.compile(r"from TOC entry (\d+);")

# Longest first: TABLE is the beginning of TABLE DATA. What is not here is one word.
_KINDS = (
    "MATERIALIZED VIEW DATA",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "PUBLICATION TABLES IN SCHEMA",
    "TEXT SEARCH TEMPLATE",
    "FOREIGN DATA WRAPPER",
    "PROCEDURAL LANGUAGE",
    "TEXT SEARCH PARSER",
    "DATABASE PROPERTIES",
    "PUBLICATION TABLE",
    "MATERIALIZED VIEW",
    "SEQUENCE OWNED BY",
    "SUBSCRIPTION TABLE",
    "CHECK CONSTRAINT",
    "OPERATOR FAMILY",
    "OPERATOR CLASS",
    "STATISTICS DATA",
    "FK CONSTRAINT",
    "SECURITY LABEL",
    "ACCESS METHOD",
    "FOREIGN TABLE",
    "BLOB METADATA",
    "EVENT TRIGGER",
    "LARGE OBJECT",
    "ROW SECURITY",
    "SEQUENCE SET",
    "TABLE ATTACH",
    "INDEX ATTACH",
    "USER MAPPING",
    "DEFAULT ACL",
    "SHELL TYPE",
    "TABLE DATA",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """
    One thing in an archive. `identity` is `schema name owner`, a dash standing for no schema; `needs` are the
    numbers of the entries that must be there before.
    """

    number: int
    catalogue: int
    oid: int
    kind: str
    identity: str
    needs: tuple[int, ...] = ()

    def name(self, owners: Collection[str] = ()) -> str:
        """Return the name for people, `INDEX public items_sku_idx`: without the owner, if it is one of `owners`."""
        owner = self.owner(owners)
        cut = len(owner) + 1 if owner else 0
        return f"{self.kind} {self.identity[: len(self.identity) - cut]}"

    def owner(self, owners: Collection[str]) -> str:
        """Return the owner, if it is one of `owners`, or an empty string."""
        return max((owner for owner in owners if self.identity.endswith(f" {owner}")), key=len, default="")


def parse(listing: bytes) -> tuple[Entry, ...]:
    """Read what `pg_restore --list --verbose` printed. Raise Tampered when it is no such list."""
    entries: list[Entry] = []
    for line in listing.decode("utf-8", "surrogateescape").split("\n"):
        if match := _LINE.fullmatch(line):
            kind, identity = _split(match["text"])
            entries.append(Entry(int(match["id"]), int(match["catalogue"]), int(match["oid"]), kind, identity))
        elif entries and (match := _DEPENDS.fullmatch(line)):
            needs = tuple(int(number) for number in match["ids"].split())
            entries[-1] = dataclasses.replace(entries[-1], needs=needs)
    if b"Archive created at" not in listing:
        raise Tampered("The archive's table of contents is malformed.", "Use pg_restore of the version that made it.")
    return tuple(entries)


def listing(numbers: Iterable[int]) -> bytes:
    """Return the file for `pg_restore --use-list` that chooses these entries."""
    return "".join(f"{number};\n" for number in numbers).encode()


def failed(stderr: str) -> list[int]:
    """Return the numbers of the entries that `pg_restore --verbose` names in its errors, each once."""
    return list(dict.fromkeys(int(number) for number in _FAILED.findall(stderr)))


def plain(name: str) -> str:
    """Return a name as it stands in a list."""
    return name.replace("\n", " ").replace("\r", " ")


def _split(text: str) -> tuple[str, str]:
    for kind in _KINDS:
        if text.startswith(f"{kind} "):
            return kind, text[len(kind) + 1 :]
    kind, _space, identity = text.partition(" ")
    return kind, identity


_BUILT = frozenset({"CONSTRAINT", "INDEX"})
_SAID = frozenset({"COMMENT", "SECURITY LABEL"})
"""What pg_restore counts to the section of the entry before it: it must follow what it is about."""


def stages(entries: Sequence[Entry]) -> list[tuple[frozenset[int], bool]]:
    """
    Return the numbers of the entries in stages that follow each other, each with whether its objects may be made at
    once.

    Indexes of partitions are attached one after another. An index of a partitioned table becomes valid with the last of
    its parts, on each level: two sessions that attach on two levels at once miss what the other has not committed, and
    the index stays invalid for good. Foreign keys need those that are valid. Event triggers come last of all.
    """
    attached = frozenset(entry.number for entry in entries if entry.kind == "INDEX ATTACH")
    built = told(entries, {entry.number for entry in entries if attached and entry.kind in _BUILT})
    last = {entry.number for entry in entries if entry.kind == "EVENT TRIGGER"}
    last |= {entry.number for entry in entries if last & set(entry.needs)}
    rest = frozenset(entry.number for entry in entries) - attached - built - last
    return [(built, True), (attached, False), (rest, True), (frozenset(last), False)]


def told(entries: Sequence[Entry], numbers: Collection[int]) -> frozenset[int]:
    """Return `numbers` with the entries that say something about them."""
    wanted = set(numbers)
    return frozenset(wanted | {entry.number for entry in entries if entry.kind in _SAID and wanted & set(entry.needs)})
