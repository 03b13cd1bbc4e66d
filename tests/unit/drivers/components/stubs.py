# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Three components that are not there, as far as their types go: whether the protocol carries them is for mypy to say.

Physical backups have a chain, a moment to recover to, WAL that is fed, and are not always due. Redis learns from the
server's answer whether a backup stands alone, and from its emergency backup what the target can load. Files store
blobs that later backups share, publish checkpoints, and back up before a restore only what it replaces.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import (
    Answering,
    Check,
    Comparison,
    Figures,
    Parent,
    Planting,
    Run,
    Scope,
    Stored,
    Trial,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.source import (
    Captured,
    Known,
    Preview,
    Sink,
    Source,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.target import (
    Committed,
    Plan,
    Reader,
    Target,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import Place
    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
    from values import Values


@dataclasses.dataclass
class Filled:
    """What each of them fills."""

    contents: str = "all of it"
    warnings: tuple[str, ...] = ()

    def compare(self) -> Comparison:
        return Comparison()

    def ask(self, check: Check, timeout: float) -> dict[str, t.Any]:
        return {"name": check.name, "passed": True, "found": timeout, "wanted": check.expect}

    def plantings(self) -> Iterator[Planting]:
        return iter(())


@dataclasses.dataclass
class Restoring:
    """What their plans have in common."""

    chain: Sequence[Stored]
    run: Run
    target: str
    host: str = "db1"
    identity: int = 0
    holds_data: bool = True
    beside: bool = True
    destroyed: bool = False
    selection: str = ""
    before: str = ""
    lines: tuple[str, ...] = ()
    facts: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def decide(self) -> None: ...

    def require_free(self) -> None: ...

    def ready(self) -> contextlib.AbstractContextManager[object]:
        return self.run.rights()

    def commit(self, _place: Place, /) -> Committed:
        return Committed(7)

    def settle(self) -> tuple[str, ...]:
        return ()


class Feed(t.Protocol):
    """Segments of WAL, as a store or an archive has them."""

    def segment(self, name: str) -> Iterator[bytes]: ...


@dataclasses.dataclass(frozen=True)
class Physical:
    """A server's data directory, whole or what changed since the parent; recovered to `point` from what `feed` has."""

    feed: Feed
    point: datetime | None = None
    name: tuple[str, str] = ("main", "@physical")
    kind: str = "physical"
    kinds: frozenset[str] = frozenset({"physical"})
    own_facts: tuple[str, ...] = ()
    reads_all: bool = True
    mode: str = "scratch"
    where: str = "a scratch server"

    def check(self) -> None: ...

    def require(self, chain: Sequence[Stored], world: World) -> None: ...

    def preview(self, known: Known, _world: World, /) -> Preview:
        due = known.previous is None
        return Preview("incremental", (), 1, due=due, why="followed by all WAL that there is")

    def capture(self, known: Known, sink: Sink, _world: World, /) -> Captured:
        with sink.phases("base_backup"):
            sink.member(1, iter([b""]))
        sink.record("detail", {"position": "0/3000028"})
        last = known.previous
        parents = (Parent(last.backup_id, last.manifest_sha256),) if last else ()
        scope: Scope = "incremental" if parents else "full"
        return Captured(scope, "pages", {"server": "17.2"}, {}, "its own manifest", parents)

    @contextlib.contextmanager
    def plan(self, chain: Sequence[Stored], run: Run) -> Iterator[Plan]:
        yield PhysicalPlan(chain, run, "main")

    @contextlib.contextmanager
    def place(self, chain: Sequence[Stored], run: Run, *, asked: bool) -> Iterator[Answering]:
        with run.phases("combine"):
            run.progress.plan({stored.manifest.backup_id: stored.manifest.plain_size for stored in chain})
        with run.phases("recovery"):
            b"".join(self.feed.segment("000000010000000000000003"))
        yield Filled()


class PhysicalPlan(Restoring):
    def emergency(self) -> None:
        """Say that nothing is lost: the old directory stays beside."""

    @contextlib.contextmanager
    def filled(self, _emergency: Reader | None, /) -> Iterator[Place]:
        yield Filled()


@dataclasses.dataclass(frozen=True)
class Redis:
    """A server that is followed as a replica; it answers by a full copy or by what changed."""

    answer: Callable[[], str]
    name: tuple[str, str] = ("redis", "main")
    kind: str = "redis"
    kinds: frozenset[str] = frozenset({"redis"})
    own_facts: tuple[str, ...] = ("keys",)

    def check(self) -> None: ...

    def preview(self, _known: Known, _world: World, /) -> Preview:
        return Preview("as a replica", (), 1)

    def capture(self, known: Known, sink: Sink, _world: World, /) -> Captured:
        goes_on = self.answer() == "CONTINUE" and known.previous is not None
        sink.member(1, iter([b""]))
        parents: tuple[Parent, ...] = ()
        if goes_on and known.previous:
            parents = (Parent(known.previous.backup_id, known.previous.manifest_sha256),)
        figures = Figures(rows=9, parts={"db0": 9}, members={"all": 1})
        scope: Scope = "incremental" if goes_on else "full"
        return Captured(scope, "counts", {}, {"keys": 9}, "9 keys", parents, figures)

    @contextlib.contextmanager
    def plan(self, chain: Sequence[Stored], run: Run) -> Iterator[Plan]:
        yield RedisPlan(chain, run, "main", beside=False, source=self)


@dataclasses.dataclass
class RedisPlan(Restoring):
    source: Source[Sink] | None = None

    def emergency(self) -> Source[Sink] | None:
        return self.source

    @contextlib.contextmanager
    def filled(self, emergency: Reader | None, /) -> Iterator[Place]:
        known = b"".join(emergency().member(1))[:9] if emergency else b""
        if known > b"".join(self.chain[0].member(1))[:9]:
            raise ValueError("the target is older than the backup")
        yield Filled()


class BlobSink(Sink, t.Protocol):
    """What files need of a sink beside members and records."""

    def blob(self, number: int, chunks: Iterable[bytes], /) -> None: ...

    def checkpoint(self, so_far: Captured, /) -> None: ...


@dataclasses.dataclass(frozen=True)
class Files:
    """A directory, or only the `paths` of it that a restore will replace."""

    directory: str
    paths: tuple[str, ...] = ()
    kind: str = "files"
    kinds: frozenset[str] = frozenset({"files"})
    own_facts: tuple[str, ...] = ("memory",)

    @property
    def name(self) -> tuple[str, str]:
        return "files", self.directory

    def check(self) -> None: ...

    def preview(self, known: Known, _world: World, /) -> Preview:
        return Preview("what changed", (), 0, estimate=9 << 30, facts={"memory": known.state_dir})

    def capture(self, _known: Known, sink: BlobSink, _world: World, /) -> Captured:
        captured = Captured("partial" if self.paths else "full", "content", {}, {}, "12 files")
        sink.blob(1, iter([b""]))
        sink.checkpoint(captured)
        sink.blob(2, iter([b""]))
        return captured

    @contextlib.contextmanager
    def plan(self, chain: Sequence[Stored], run: Run) -> Iterator[Plan]:
        yield FilesPlan(chain, run, self.directory, beside=False, source=self)


@dataclasses.dataclass
class FilesPlan(Restoring):
    source: Files = dataclasses.field(default_factory=lambda: Files("/srv"))

    def emergency(self) -> Source[BlobSink]:
        return dataclasses.replace(self.source, paths=tuple(self.lines))

    @contextlib.contextmanager
    def filled(self, _emergency: Reader | None, /) -> Iterator[Place]:
        self.destroyed = True
        yield Filled()


def fits(
    physical: Physical, redis: Redis, files: Files, values: Values
) -> tuple[list[Source[BlobSink]], list[Target], list[Trial]]:
    """Return each where the protocol wants it: a sink that can do more serves those that need less."""
    return [physical, redis, files, values], [physical, redis, files, values], [physical, values]
