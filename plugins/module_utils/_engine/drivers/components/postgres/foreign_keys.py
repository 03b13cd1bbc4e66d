# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which order rows come back to tables that refer to each other, and what a change would do beyond them."""

from __future__ import annotations

import dataclasses
import graphlib
import typing as t

from ....ground.errors import DatabaseError
from .connection import rows

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from .connection import Connection

_FOLLOWS = frozenset("cnd")
"""What CASCADE, SET NULL and SET DEFAULT are in the catalogue."""


@dataclasses.dataclass(frozen=True, slots=True)
class ForeignKey:
    """
    A reference of table `child` to the `columns` of table `parent`; both are oids, `label` names the child.

    `deletes` and `updates` say that a change of the parent goes on to the child.
    """

    name: str
    child: int
    label: str
    parent: int
    columns: frozenset[str]
    deferrable: bool
    deletes: bool
    updates: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """Tables by oid, parents first. With `deferred`, references in a circle are checked at the end."""

    oids: tuple[int, ...]
    deferred: bool


def read(connection: Connection, oids: Sequence[int]) -> tuple[ForeignKey, ...]:
    """Return the foreign keys from or to these tables."""
    return tuple(
        ForeignKey(
            str(name),
            int(child),
            str(label),
            int(parent),
            frozenset(columns),
            bool(later),
            deletes in _FOLLOWS,
            updates in _FOLLOWS,
        )
        for name, child, label, parent, columns, later, deletes, updates in rows(connection, _KEYS, [list(oids)] * 2)
    )


def order(keys: Iterable[ForeignKey], labels: Mapping[int, str]) -> Order:
    """Return the order of these tables. Raise DatabaseError where they refer to each other in a circle at once."""
    inner = [key for key in keys if key.child != key.parent and {key.child, key.parent} <= set(labels)]
    try:
        return Order(_sorted(inner, labels), deferred=False)
    except graphlib.CycleError:
        pass
    try:
        return Order(_sorted([key for key in inner if not key.deferrable], labels), deferred=True)
    except graphlib.CycleError as exc:
        names = [labels[oid] for oid in dict.fromkeys(exc.args[1])]
        raise DatabaseError(
            f"{' and '.join(names)} refer to each other, by foreign keys that are checked at once.",
            "Make one of them deferrable: ALTER TABLE ... ALTER CONSTRAINT ... DEFERRABLE.",
        ).naming(*names) from exc


def refuse_followers(
    keys: Iterable[ForeignKey], chosen: Collection[int], deleted: Collection[int], changed: Mapping[int, frozenset[str]]
) -> None:
    """
    Raise DatabaseError where a change would go on to a table that nobody chose.

    `deleted` are the tables that lose rows, `changed` has the columns of those whose rows change.
    """
    for key in keys:
        if key.child in chosen:
            continue
        if key.deletes and key.parent in deleted:
            raise DatabaseError(
                f"Deleting rows would change {key.label} too, by its foreign key {key.name}.",
                f"Add {key.label} to tables, or leave the rows: deletes: report.",
            ).naming(key.label, key.name)
        if key.updates and key.columns & changed.get(key.parent, frozenset()):
            raise DatabaseError(
                f"Changing {', '.join(sorted(key.columns))} would change {key.label} too, by its key {key.name}.",
                f"Add {key.label} to tables.",
            ).naming(key.label, key.name)


def _sorted(keys: Iterable[ForeignKey], labels: Mapping[int, str]) -> tuple[int, ...]:
    graph: dict[int, set[int]] = {oid: set() for oid in sorted(labels, key=lambda oid: labels[oid])}
    for key in keys:
        graph[key.child].add(key.parent)
    return tuple(graphlib.TopologicalSorter(graph).static_order())


_KEYS = """
SELECT f.conname::text, f.conrelid::bigint, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       f.confrelid::bigint,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = f.confrelid AND a.attnum = ANY (f.confkey)),
       f.condeferrable, f.confdeltype::text, f.confupdtype::text
  FROM pg_catalog.pg_constraint f
  JOIN pg_catalog.pg_class c ON c.oid = f.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE f.contype = 'f' AND (f.conrelid = ANY (%s) OR f.confrelid = ANY (%s))
 ORDER BY f.conname, f.oid
"""
