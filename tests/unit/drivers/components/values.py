# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A directory of files, one value each: backups on top of one another, restored in place with nothing beside."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import shutil
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components import base, source
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components import target as targets

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World

Chain = t.Sequence[base.Stored]


def read(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(directory.glob("*"))}


def proof(values: dict[str, str]) -> dict[str, str]:
    return {name: hashlib.sha256(value.encode()).hexdigest() for name, value in values.items()}


def replay(chain: Chain, directory: Path) -> ValuesPlace:
    """Write what each backup of the chain says was written, and remove what it says was removed, in its order."""
    for backup in chain:
        for name, value in json.loads(b"".join(backup.member(1))).items():
            (directory / name).unlink() if value is None else (directory / name).write_text(value)
    return ValuesPlace(directory, chain)


@dataclasses.dataclass(frozen=True)
class Values:
    """The source, the target and the trial of a directory."""

    directory: Path
    name: tuple[str, str] = ("values", "prices")
    kind: t.ClassVar[str] = "values"
    kinds: t.ClassVar[frozenset[str]] = frozenset({"values"})
    own_facts: t.ClassVar[tuple[str, ...]] = ("values",)
    mode: t.ClassVar[str] = "scratch"
    where: t.ClassVar[str] = "a scratch directory"
    reads_all: t.ClassVar[bool] = True

    def check(self) -> None: ...

    def require(self, chain: Chain, world: World) -> None: ...

    def _changes(self, known: source.Known) -> dict[str, str | None]:
        """Return what differs from the newest backup, as this host remembers it."""
        memory = Path(known.state_dir or "", f"{known.previous.backup_id if known.previous else 'none'}.values")
        before, now = json.loads(memory.read_text()) if memory.exists() else {}, read(self.directory)
        changed: dict[str, str | None] = {name: now[name] for name in now if before.get(name) != now[name]}
        return {**changed, **{name: None for name in before if name not in now}}

    def preview(self, known: source.Known, _world: World, /) -> source.Preview:
        changes, count = self._changes(known), {"values": len(read(self.directory))}
        lines = tuple(f"{'remove' if value is None else 'store'} {name}" for name, value in changes.items())
        facts = count if changes else {}
        return source.Preview("values", lines, 1, facts=facts, due=bool(changes), why="what is there still")

    def capture(self, known: source.Known, sink: source.Sink, _world: World, /) -> source.Captured:
        values, last = read(self.directory), known.previous
        sink.member(1, [json.dumps(self._changes(known)).encode()])
        sink.record("detail", {"proof": proof(values), "tables": ["nobody else's affair"]})
        Path(known.state_dir or "", f"{sink.backup_id}.values").write_text(json.dumps(values))
        parents = (base.Parent(last.backup_id, last.manifest_sha256),) if last else ()
        facts, said = {"values": len(values)}, f"{len(values)} values"
        return source.Captured("incremental" if last else "full", "content", {}, facts, said, parents)

    @contextlib.contextmanager
    def plan(self, chain: Chain, run: base.Run) -> t.Iterator[ValuesPlan]:
        facts = {"values": len(chain[-1].record("detail")["proof"])}
        lines = (f"REMOVE what is in {self.name[1]} and write {len(chain)} backups",)
        yield ValuesPlan(self, chain, self.name[1], bool(read(self.directory)), facts, lines)

    @contextlib.contextmanager
    def place(self, chain: Chain, run: base.Run, *, asked: bool) -> t.Iterator[ValuesPlace]:
        with tempfile.TemporaryDirectory() as scratch:
            yield replay(chain, Path(scratch))


@dataclasses.dataclass
class ValuesPlace:
    directory: Path
    chain: Chain
    warnings: tuple[str, ...] = ()
    contents: str = "the values"

    def compare(self) -> base.Comparison:
        found = self.chain[-1].record("detail")["proof"].items() ^ proof(read(self.directory)).items()
        return base.Comparison(tuple(f"{name} differs" for name in sorted({name for name, _sum in found})))

    def ask(self, check: base.Check, timeout: float) -> dict[str, t.Any]:
        found = read(self.directory).get(check.query)
        return {"name": check.name, "passed": found == check.expect, "found": found, "wanted": check.expect}

    def plantings(self) -> t.Iterator[base.Planting]:
        names = sorted(read(self.directory))
        for canary, name in zip(("lost_value", "changed_value"), names, strict=False):
            (self.directory / name).unlink() if canary == "lost_value" else (self.directory / name).write_text("0")
            yield base.Planting(canary, f"{name} differs")
        yield base.Planting("changed_owner", reason="Values have no owner.")


@dataclasses.dataclass
class ValuesPlan:
    wanted: Values
    chain: Chain
    target: str
    holds_data: bool
    facts: t.Mapping[str, t.Any]
    lines: tuple[str, ...]
    beside: bool = False
    destroyed: bool = False
    selection: str = ""
    host: str = "here"
    before: str = "values"
    warnings: tuple[str, ...] = ()

    @property
    def identity(self) -> int:
        return self.wanted.directory.stat().st_ino

    def decide(self) -> None: ...
    def require_free(self) -> None: ...

    def emergency(self) -> Values:
        return self.wanted

    def ready(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def filled(self, _emergency: targets.Reader | None, /) -> t.Iterator[ValuesPlace]:
        self.destroyed = True
        shutil.rmtree(self.wanted.directory)
        self.wanted.directory.mkdir()
        yield replay(self.chain, self.wanted.directory)

    def commit(self, _place: base.Place, /) -> targets.Committed:
        return targets.Committed(self.identity)

    def settle(self) -> tuple[str, ...]:
        return ()
