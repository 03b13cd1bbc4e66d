# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""How two proofs differ, object by object: what must be equal, what may move, and what is only worth telling."""

from __future__ import annotations

import dataclasses
import typing as t

from ....ground.errors import Tampered
from ....ground.units import human_list
from .catalogue_objects import kind
from .connection import qualified

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

Record = dict[str, t.Any]
Name = tuple[str, str]
Entries = dict[Name, Record]

SUM_MODULUS = 1 << 128
"""Sums of rows are taken modulo this."""

FORMAT = "lifeboat-proof/1"

_PROPERTIES_THAT_MOVE = frozenset({"name", "collation_version", "tablespace"})


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """
    One thing that is not as it was. A `note` is no failure: it tells what could not be compared or may rightly move.
    With `words` the object may be the same: only the text differs that PostgreSQL writes from its expressions.

    `object` names it, `what` is a word for machines: missing, extra, changed, rows, content, sequence, large_objects,
    extension, tablespace, property, level.
    """

    object: str
    what: str
    detail: str
    note: bool = False
    words: bool = False

    def __str__(self) -> str:
        return f"{self.object}: {self.detail}"


def compare(source: Record, restored: Record, *, ignored_kinds: Collection[str] = ()) -> list[Difference]:
    """
    Return what differs, failures first, each list in the order of names. An empty list means the same database.

    `ignored_kinds` are kinds of objects that the restore left out on purpose (see catalogue_objects.kind), such as
    `publication` in a scratch cluster. The databases' own owner, settings and grants are `changed_properties`.
    """
    for proof in (source, restored):
        if proof.get("format") != FORMAT:
            raise Tampered("The proof has an unsupported format.", "Use the version that made it.")
    if "none" in {source["level"], restored["level"]}:
        return [Difference("the backup", "level", "it has no proof, so nothing was compared", note=True)]
    found = [
        *_tables(source, restored),
        *_sequences(source, restored),
        *_extensions(source, restored),
        *_large_objects(source, restored),
        *_objects(source, restored, frozenset(ignored_kinds)),
        *_tablespaces(source, restored),
    ]
    return sorted(found, key=lambda difference: (difference.note, _ORDER[difference.what], difference.object))


def excuse(found: Collection[Difference], read_again: Collection[str] | None = None) -> list[Difference]:
    """
    Turn what differs in words alone into one note that names it: PostgreSQL's own dump and restore put it so.

    `read_again` are the objects of which that was seen; None stands for all, in a database that nothing but a restore
    has touched.
    """
    alike = [one for one in found if one.words and not one.note and (read_again is None or one.object in read_again)]
    if not alike:
        return list(found)
    names = human_list([one.object for one in alike], NAMED)
    detail = "PostgreSQL writes the definition differently after a dump and restore"
    return [*(one for one in found if one not in alike), Difference(names, "changed", detail, note=True)]


NAMED = 20
"""Objects that a note names before it counts the others."""

_ORDER = {
    word: place
    for place, word in enumerate(
        (
            "missing",
            "rows",
            "content",
            "changed",
            "sequence",
            "large_objects",
            "extension",
            "extra",
            "tablespace",
            "property",
            "level",
        )
    )
}


def _tables(source: Record, restored: Record) -> Iterator[Difference]:
    after = {(entry["schema"], entry["name"]): entry for entry in restored["tables"]}
    before = {(entry["schema"], entry["name"]): entry for entry in source["tables"]}
    moved = dict(_moved(before, after))
    for root in sorted(set(moved.values())):
        yield Difference(
            f"table {qualified(*root)}", "rows", "its rows are in other partitions, and all are there", True
        )
    compared = source["level"] == restored["level"] == "content"
    for name, entry in before.items():
        if name not in moved:
            yield from _table(f"{entry['sort']} {qualified(*name)}", entry, after.get(name), compared=compared)
    if not source["partial"]:
        for name in sorted(after.keys() - before.keys()):
            yield Difference(f"{after[name]['sort']} {qualified(*name)}", "extra", "it is not in the backup")


def _table(label: str, entry: Record, found: Record | None, *, compared: bool) -> Iterator[Difference]:
    # What an extension or a matview's query decides, and what a crash empties, is reported but fails nothing.
    apart = entry["sort"] != "table"
    if found is None:
        yield Difference(label, "missing", "it is missing", note=apart and entry["sort"] != "unlogged table")
    elif entry.get("populated") != found.get("populated"):
        state = "populated" if entry["populated"] else "without data"
        yield Difference(label, "changed", f"it was {state} and now is not", note=True)
    elif "rows" in entry and "rows" in found and entry["rows"] != found["rows"]:
        yield Difference(label, "rows", f"{entry['rows']} rows were backed up, {found['rows']} were restored", apart)
    elif "sum" in entry and "sum" in found:
        if entry["sum"] != found["sum"]:
            yield Difference(label, "content", f"its {entry['rows']} rows have other values than before", apart)
    elif compared and entry["sort"] != "materialized view":
        why = entry.get("unsummed", "their checksums were computed in different ways")
        yield Difference(label, "content", f"its values were not compared: {why}", note=True)


def _moved(before: Entries, after: Entries) -> Iterator[tuple[Name, Name]]:
    """
    Yield the partitions that do not hold what they held, with their root, where all of its partitions together do.

    The place of a row depends on a collation, or on the oids of an enum's labels, and pg_dump loads such a table anew
    through its root. What is a sum over rows can be summed up over partitions too.
    """
    roots: dict[Name, list[Name]] = {}
    for name, entry in after.items():
        if "root" in entry and name in before:
            roots.setdefault((entry["root"][0], entry["root"][1]), []).append(name)
    for root, names in roots.items():
        changed = [name for name in names if _held([before[name]]) != _held([after[name]])]
        alike = {"sum" in entries[name] for entries in (before, after) for name in names}
        if (
            changed
            and len(alike) == 1
            and _held(before[name] for name in names) == _held(after[name] for name in names)
        ):
            yield from ((name, root) for name in changed)


def _held(entries: Iterable[Record]) -> tuple[int, int]:
    found = list(entries)
    summed = sum(int(entry.get("sum", "0"), 16) for entry in found)
    return sum(int(entry.get("rows", 0)) for entry in found), summed % SUM_MODULUS


def _sequences(source: Record, restored: Record) -> Iterator[Difference]:
    after = {(entry["schema"], entry["name"]): entry for entry in restored["sequences"]}
    for entry in source["sequences"]:
        label = f"sequence {qualified(entry['schema'], entry['name'])}"
        found = after.get((entry["schema"], entry["name"]))
        if found is None:
            if not source["partial"]:
                yield Difference(label, "missing", "it is missing")
            continue
        wanted, got = due(entry), due(found)
        if wanted is None or (got is None and not entry["is_called"]):
            continue
        if got is None or (got < wanted if entry["increment"] > 0 else got > wanted):
            # A cycled sequence may have begun again between the proof and the dump.
            stands = "was never used" if got is None else f"would give {got} next"
            detail = f"it {stands}, and {wanted} or beyond was due"
            yield Difference(label, "sequence", detail, note=bool(entry["cycled"]))


def due(entry: Record) -> int | None:
    """Return what a sequence gives next, None where nobody can tell."""
    if entry["last_value"] is None:
        return None
    return int(entry["last_value"]) + (int(entry["increment"]) if entry["is_called"] else 0)


def _extensions(source: Record, restored: Record) -> Iterator[Difference]:
    for name, version in source["extensions"].items():
        found = restored["extensions"].get(name)
        if found is None:
            yield Difference(f"extension {name}", "extension", f"it is missing (was {version})", source["partial"])
        elif found != version:
            # A dump names no version: a restore installs what the target's packages bring.
            yield Difference(f"extension {name}", "extension", f"its version was {version} and is {found}", note=True)


def _large_objects(source: Record, restored: Record) -> Iterator[Difference]:
    before, after = source["large_objects"], restored["large_objects"]
    for field, words in _LARGE_OBJECT_FIELDS:
        if field in before and field in after and before[field] != after[field]:
            detail = f"there were {before[field]} and are {after[field]}" if field == "count" else words
            yield Difference("large objects", "large_objects", detail)
            return
    compared = "content" in before and "content" in after
    if source["level"] == restored["level"] == "content" and before.get("count") and not compared:
        detail = "their content was not compared: the proof was taken by a role that may not read pg_largeobject"
        yield Difference("large objects", "large_objects", detail, note=True)


_LARGE_OBJECT_FIELDS = (
    ("count", ""),
    ("owners", "their owners or grants differ"),
    ("content", "their content differs"),
    ("sizes", "their sizes differ"),
)


def _objects(source: Record, restored: Record, ignored: frozenset[str]) -> Iterator[Difference]:
    if source["partial"] or restored["partial"]:
        return
    before, after = source["objects"], restored["objects"]
    same_major = major(source) == major(restored)
    frames, kept = source.get("frames", {}), restored.get("frames", {})
    for identity, digest in before.items():
        if ignored & _kinds(identity):
            continue
        if identity not in after:
            yield Difference(identity, "missing", "it is missing")
        elif after[identity] != digest:
            # Each major may put the same definition into other words.
            detail = "its definition, owner or grants differ"
            words = identity in frames and frames[identity] == kept.get(identity)
            yield Difference(identity, "changed", detail, note=not same_major, words=words)
    for identity in after.keys() - before.keys():
        if not ignored & _kinds(identity):
            yield Difference(identity, "extra", "it is not in the backup")


def _tablespaces(source: Record, restored: Record) -> Iterator[Difference]:
    """Tell in one sentence what lies elsewhere: a host without the tablespace has the same data all the same."""
    before, after = source.get("tablespaces", {}), restored.get("tablespaces", {})
    if source["partial"] or restored["partial"] or "tablespaces" not in source:
        return
    if moved := sorted(identity for identity in {*before, *after} if before.get(identity) != after.get(identity)):
        was, now = (
            f"tablespace {found[moved[0]]}" if moved[0] in found else "the default one" for found in (before, after)
        )
        more = f", as are {len(moved) - 1} more" if len(moved) > 1 else ""
        yield Difference(moved[0], "tablespace", f"it was in {was} and is in {now}{more}", note=True)


def _kinds(identity: str) -> frozenset[str]:
    """Return the kind, and for a comment or the like also the kind of what it is on."""
    own = kind(identity)
    return frozenset({own, kind(identity.removeprefix(f"{own} "))} if own.endswith(" on") else {own})


def changed_properties(before: Record, after: Record, apart: Collection[str] = ()) -> Iterator[Difference]:
    """Yield each property of the database that is not as before, but for those `apart` and those that may move."""
    for name, value in before.items():
        if name not in {*_PROPERTIES_THAT_MOVE, *apart} and value != after.get(name):
            detail = f"it was {value!r} and is {after.get(name)!r}"
            yield Difference(f"property {name} of the database", "property", detail)


def major(proof: Record) -> int:
    """Return the major of the server that a proof is of."""
    return int(proof["server"]["version_num"]) // 10000
