# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a component is backed up: it is looked at, then captured at one moment into a sink."""

from __future__ import annotations

import dataclasses
import typing as t

from .base import Figures

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from ...ground.model import World
    from ...ground.progress import Phases, Progress
    from .base import Copy, Parent, Scope, WalRange


class Earlier(t.Protocol):
    """An earlier backup of a component, by the store's word or by this host's memory. `finished` is an ISO time."""

    @property
    def backup_id(self) -> str: ...
    @property
    def manifest_sha256(self) -> str: ...
    @property
    def finished(self) -> str: ...
    @property
    def plain_size(self) -> int: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """A backup in a chain of such as need each other, as its manifest says; `wal` is not known to a host's memory."""

    backup_id: str
    manifest_sha256: str
    finished: datetime
    copy: Copy | None = None
    wal: WalRange | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """
    What is known before a backup: the one that `latest` means, and where this host remembers, if anywhere.

    `chain` is what that one needs for a restore, oldest first, and itself last; it is empty where that is not known.
    `memory` is a directory for what this host keeps of these backups alone. `reach` tells until when the stored log
    goes on without a gap from a range of it; None where it has one, or may not be listed.
    """

    previous: Earlier | None
    state_dir: str | None
    chain: tuple[Link, ...] = ()
    memory: str | None = None
    reach: Callable[[WalRange], datetime | None] = lambda _wal: None


@dataclasses.dataclass(frozen=True, slots=True)
class Preview:
    """
    What a backup would hold, seen without making one: `how` it is made and `lines` for people, its members and an
    `estimate` of their bytes, and `facts` for machines.

    One that is not `due` is not made; `why` says of the previous backup what it is, such as "young enough", and `facts`
    are those of the previous one, as far as the component has any.
    """

    how: str
    lines: tuple[str, ...]
    members: int
    estimate: int | None = None
    facts: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    due: bool = True
    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Captured:
    """
    What was stored, all of one moment. `proof` is its level, `said` the proof in a few words for a summary, `figures`
    are what later backups are compared with, and `facts` go into the result. `wal` is what it needs of a write-ahead
    log, and `copy` what the next one needs to know. Once it exists, and the next may be based on it, `settle` is
    called.
    """

    scope: Scope
    proof: str
    versions: Mapping[str, str]
    facts: Mapping[str, t.Any]
    said: str
    parents: tuple[Parent, ...] = ()
    figures: Figures = dataclasses.field(default_factory=Figures)
    warnings: tuple[str, ...] = ()
    wal: WalRange | None = None
    copy: Copy | None = None
    settle: Callable[[], object] = lambda: None


class Sink(t.Protocol):
    """Where one attempt of a backup goes: compressed, sealed, stored, and listed for the manifest."""

    attempt: int
    """1 for the first. A capture that raises Busy is begun again, with another id and another moment."""
    backup_id: str
    progress: Progress
    phases: Phases

    @property
    def compression(self) -> str: ...

    def member(self, number: int, plaintext: Iterable[bytes], /) -> None:
        """Store a member; safe in several threads. What `plaintext` raises passes through, and nothing is stored."""

    def record(self, name: str, body: dict[str, t.Any], /) -> None:
        """Store the encrypted record `name`. Each backup has `detail`, which is kept until nothing refuses the rest."""


class SinkBesideWal(Sink, t.Protocol):
    """A sink whose store may hold a write-ahead log too, which others put there."""

    def lacking(self, wal: WalRange, /) -> tuple[str, ...] | None:
        """Return the segments of a range that are not in the store by now, None where this host may not list it."""


SinkT_contra = t.TypeVar("SinkT_contra", bound=Sink, contravariant=True)


class Source(t.Protocol[SinkT_contra]):
    """What can be backed up: the two parts of its name, the manifest's `kind`, and the facts that each result has."""

    @property
    def name(self) -> tuple[str, str]: ...
    @property
    def kind(self) -> str: ...
    @property
    def own_facts(self) -> tuple[str, ...]: ...

    def check(self) -> None:
        """Raise UsageError for values that cannot be meant, before anything is touched."""

    def preview(self, known: Known, world: World, /) -> Preview:
        """Return what would be backed up. Raise what would keep a backup from being right; change nothing."""

    def capture(self, known: Known, sink: SinkT_contra, world: World, /) -> Captured:
        """Store everything that belongs to one moment. Raise Busy where a fresh attempt may succeed."""
