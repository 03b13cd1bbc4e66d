# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What can be backed up, as the operations see it: the protocol that every component lives by.

A `Source` is looked at and captured into a `Sink` (source.py), a `Target` plans how backups become it again (target.py)
and a `Trial` is where one is proved. Both give a `Place`: something filled, living or scratch, that can be compared
with the proof. The operations own the store, the keys, the order of things and what is said about them; a component
owns what its data is. No component knows another one, and none knows an operation.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from ...ground.model import World
    from ...ground.progress import Phases, Progress


class Described(t.Protocol):
    """A manifest, as far as a component reads it. Times are UTC, `plain_size` is in bytes."""

    @property
    def backup_id(self) -> str: ...
    @property
    def component(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def started(self) -> datetime: ...
    @property
    def versions(self) -> Mapping[str, str]: ...
    @property
    def plain_size(self) -> int: ...
    @property
    def numbers(self) -> tuple[int, ...]: ...
    @property
    def proof(self) -> str: ...

    def stored_size(self, number: int, /) -> int:
        """Return the bytes that a member has in the store."""


class Stored(t.Protocol):
    """A stored backup whose manifest is authentic, and the ways to its contents."""

    @property
    def manifest(self) -> Described: ...

    def check_opens(self) -> None:
        """Raise KeyRefused unless our keys open every file, Tampered when a head is not as signed."""

    def member(self, number: int, note: Callable[[int], None] | None = None, /) -> Iterator[bytes]:
        """Yield a member's plaintext; its end is reached only when all of it was authentic."""

    def record(self, name: str, /) -> dict[str, t.Any]:
        """Return an encrypted record, read to its authenticated end."""


Scope = t.Literal["full", "incremental", "partial"]
"""How much of its component a backup holds. An incremental one has parents, and no other has any."""

SCOPES: tuple[str, ...] = t.get_args(Scope)

WHOLE: tuple[Scope, ...] = ("full", "incremental")
"""Restores all of it: may be `latest` and `previous`, keeps it fresh, fills a slot of retention."""

COMPARABLE: tuple[Scope, ...] = ("full",)
"""Its size tells something beside another's: to the guard against shrinking, and to the search for anomalies."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parent:
    """A backup that another one needs for a restore."""

    backup_id: str
    manifest_sha256: str


PHYSICAL = "physical"
"""The kind of a backup of a server's own files. It needs a range of a write-ahead log, and no other kind does."""

WHOLE_CLUSTER = "@physical"
"""The second part of the name of what is backed up so."""


@dataclasses.dataclass(frozen=True, slots=True)
class WalRange:
    """
    What a backup needs of a server's write-ahead log: from `start` up to, but not with, `stop`, on one timeline.

    With `included` the backup itself has it. `segment_size` is in bytes.
    """

    system_identifier: str
    timeline: int
    start: int
    stop: int
    segment_size: int
    included: bool

    @property
    def segments(self) -> range:
        """The numbers of the segments that hold it."""
        return range(self.start // self.segment_size, (self.stop - 1) // self.segment_size + 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Copy:
    """
    What the next copy of a server's files has to know of this one: the SHA-256 of PostgreSQL's own manifest of it, in
    hex, and whether its pages had checksums.
    """

    manifest_sha256: str
    checksums: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """What anomalies are looked for in: rows if they were counted, of parts by name, and members, by what they hold."""

    compression: str = ""
    rows: int | None = None
    parts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    members: Mapping[str, int] = dataclasses.field(default_factory=dict)


DIFFERS = "differs from the source"
"""What a difference means where a proof was taken at the source."""


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """
    A place beside its backup's proof: `differences` make it a failure, `notes` do not, `parts` are each part's.

    `verdict` is what a difference means, as the rest of a sentence on the data. `recovered` tells how far a backup was
    taken that goes on after its end; None where it cannot.
    """

    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    parts: tuple[Mapping[str, t.Any], ...] = ()
    verdict: str = DIFFERS
    recovered: Mapping[str, t.Any] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """
    A question in the component's own language, and its answer: exactly `expect`, or a number from `minimum` up.

    None means not given. `part` is the part of the component that is asked, where it has parts that answer.
    """

    name: str
    query: str
    expect: t.Any = None
    minimum: float | None = None
    part: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Planting:
    """
    A fault that was planted as the canary of this name: a difference has to name `what`. Where that is empty nothing
    was planted, for `reason`.
    """

    canary: str
    what: str = ""
    reason: str = ""


class Place(t.Protocol):
    """
    Something that was filled from a backup. `contents` says in a few words what it holds if it is as it was, `warnings`
    what is not and was accepted.
    """

    @property
    def contents(self) -> str: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...

    def compare(self) -> Comparison:
        """Take the proof again, and compare."""


class Answering(Place, t.Protocol):
    """A place of a trial: it answers questions too, and takes canaries."""

    def ask(self, check: Check, timeout: float) -> dict[str, t.Any]:
        """Return `name passed found wanted`, and `error` where it failed; `timeout` is in seconds."""

    def plantings(self) -> Iterator[Planting]:
        """
        Plant one fault after the other, once the place was found to be as it was. Each is there when it is yielded, and
        stays, so that `compare` shows it beside the earlier ones. Only a place that is gone afterwards has any.
        """


Rights = t.Callable[[], contextlib.AbstractContextManager[bool]]
"""Lends the rights that a change needs, while a block runs. False: there was nothing to lend."""


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """
    What a restore or a proof goes on in. `recovery_id` ties the reruns of one recovery together; `lends` tells that
    `rights` will lend more than the role has when it is asked.
    """

    world: World
    progress: Progress
    phases: Phases
    state_dir: str | None = None
    recovery_id: str = ""
    rights: Rights = lambda: contextlib.nullcontext(False)
    lends: bool = False


SCRATCH, EXISTING = "scratch", "existing"
"""Modes of a trial: in a place of its own, or in one that lives, whose data may have changed since the restore."""


class Trial(t.Protocol):
    """Where backups of these `kinds` are proved, for machines (`mode`) and people; with `reads_all` by every member."""

    @property
    def kinds(self) -> frozenset[str]: ...
    @property
    def mode(self) -> str: ...
    @property
    def where(self) -> str: ...
    @property
    def reads_all(self) -> bool: ...

    def require(self, chain: Sequence[Stored], world: World) -> None:
        """Raise what would keep it from being tried here."""

    def place(self, chain: Sequence[Stored], run: Run, *, asked: bool) -> contextlib.AbstractContextManager[Answering]:
        """
        Return a place that holds what the chain holds, and is gone or as it was afterwards.

        Raise UsageError where it is to be `asked` questions and may not be.
        """
