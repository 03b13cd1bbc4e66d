# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What of an archive could not be made, what goes with it, and whether that was accepted.

PostgreSQL's own archives hold objects that cannot be made again, such as a view over an operator that the empty
search_path of a restore hides. In a disaster the rest must come back all the same, if whoever restores says so.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ....ground.errors import DatabaseError
from .connection import quote_identifier

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from .differences import Difference
    from .toc import Entry

SHOWN = 10
"""How many objects a failure's remedy lists; all are in its details."""


@dataclasses.dataclass(frozen=True, slots=True)
class Loss:
    """
    One object, named as `accept_failed` names it. `root` is the one that it needs and that is missing too, or itself.
    """

    name: str
    reason: str
    root: str
    accepted: bool

    def __str__(self) -> str:
        if self.root != self.name:
            said = f"{self.name} could not be created either: it needs {self.root}."
        else:
            said = f"{self.name} could not be created, which was accepted: {self.reason}."
        return f"{said} Its rows are NOT restored." if self.name.startswith("TABLE DATA ") else said


class Losses:
    """Collects what failed. What was not accepted, and needs nothing that was, is refused."""

    def __init__(self, entries: Sequence[Entry], owners: Collection[str], accepted: Collection[str]) -> None:
        self._entries = {entry.number: entry for entry in entries}
        self._places = {entry.number: place for place, entry in enumerate(entries)}
        self._names = {entry.number: entry.name(owners) for entry in entries}
        self._accepted = frozenset(accepted)
        self._roots: dict[int, str] = {}
        self._found: dict[str, Loss] = {}

    @property
    def found(self) -> tuple[Loss, ...]:
        """Everything that failed, in the order of the archive's sections."""
        return tuple(self._found.values())

    def add(self, failed: Iterable[tuple[int, str]]) -> None:
        """Note entries of the structure by number, each with the server's reason."""
        for number, reason in sorted(failed, key=lambda item: self._places[item[0]]):
            root = self._root_of(number)
            self._roots[number] = root
            self._note(self._names[number], reason, root)

    def add_data(self, name: str, reason: str) -> None:
        """Note rows, or a sequence's value, by name: `TABLE DATA public t`, `SEQUENCE SET public s`."""
        holder = re.sub(r"^(TABLE|SEQUENCE) (DATA|SET) ", r"\1 ", name)
        found = self._found.get(holder)
        self._note(name, reason, found.root if found else name)

    def accepts(self, names: Iterable[str]) -> bool:
        """Whether all of these were noted and may be lost."""
        return all(name in self._found and self._found[name].accepted for name in names)

    def may_go(self, numbers: Iterable[int]) -> bool:
        """Whether all of these entries of the structure are accepted by their own names."""
        return self._accepted.issuperset(self._names[number] for number in numbers)

    def require(self) -> None:
        """Raise DatabaseError that names what was not accepted, the option, and what is lost with it."""
        require(self.found)

    def _note(self, name: str, reason: str, root: str) -> None:
        accepted = bool({name, root} & self._accepted)
        self._found.setdefault(name, Loss(name, reason, root, accepted))

    def _root_of(self, number: int) -> str:
        """Return the name of what is missing and needed by this entry, however far away, or its own."""
        waiting, seen = list(self._entries[number].needs), {number}
        while waiting:
            needed = waiting.pop()
            if needed in self._roots:
                return self._roots[needed]
            if needed not in seen and needed in self._entries:
                seen.add(needed)
                waiting += self._entries[needed].needs
        return self._names[number]


def require(losses: Sequence[Loss]) -> None:
    """Raise DatabaseError when something was lost that nobody accepted."""
    refused = [loss for loss in losses if not loss.accepted]
    if not refused:
        return
    first = refused[0]
    roots = list(dict.fromkeys(loss.root for loss in refused))
    more = "" if len(roots) <= SHOWN else f" and {len(roots) - SHOWN} more"
    raise DatabaseError(
        f"{len(refused)} objects could not be created, the first is {first.name}: {first.reason}.",
        "Nothing was replaced. Fix the cause, or restore without them, what depends on them, and the rows of tables "
        f"among them, by accept_failed (lifeboat_accept_failed): {'; '.join(roots[:SHOWN])}{more}.",
        failed=roots,
    ).naming(f"{first.name}: {first.reason}")


def excuses(losses: Sequence[Loss], difference: Difference) -> bool:
    """Whether a difference from the proof is nothing but what was accepted to be lost."""
    return any(loss.accepted and _explains(loss.name, difference) for loss in losses)


def _explains(name: str, difference: Difference) -> bool:
    match = _NAME.fullmatch(name)
    if match is None:
        return False
    kind, schema, rest = match["kind"], match["schema"], match["rest"]
    if kind == "TABLE DATA":
        return difference.what in {"rows", "content"} and _mentions(difference.object, schema, rest)
    if kind == "SEQUENCE SET":
        return difference.what == "sequence" and _mentions(difference.object, schema, rest)
    if kind in _OF_A_TABLE:
        table, _space, own = rest.partition(" ")
        here = _mentions(difference.object, schema, table) and _mentions(difference.object, "-", own)
        return here and difference.what in {"missing", "changed"}
    return difference.what == "missing" and _mentions(difference.object, schema, rest)


def _mentions(identity: str, schema: str, name: str) -> bool:
    before = "" if schema == "-" else _written(schema) + r"\."
    return re.search(rf'(?<![\w$"]){before}{_written(name)}', identity) is not None


def _written(name: str) -> str:
    """Return the pattern of `name` as PostgreSQL writes it: plain or in quotes, and never the beginning of another."""
    return rf'(?:{re.escape(name)}(?![\w$])|{re.escape(quote_identifier(name))}(?!"))'


_OF_A_TABLE = frozenset({"CONSTRAINT", "FK CONSTRAINT", "CHECK CONSTRAINT", "TRIGGER", "POLICY", "RULE", "DEFAULT"})

_NAME = re.compile(r"(?P<kind>[A-Z]+(?: [A-Z]+)*) (?P<schema>\S+) (?P<rest>.+)", re.DOTALL)
