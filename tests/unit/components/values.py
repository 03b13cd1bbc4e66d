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

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import (
    Comparison,
    Parent,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.source import (
    Captured,
    Preview,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.target import Committed


def read(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(directory.glob("*"))}


def proof(values: dict[str, str]) -> dict[str, str]:
    return {name: hashlib.sha256(value.encode()).hexdigest() for name, value in values.items()}


def replay(chain: t.Sequence[t.Any], directory: Path) -> None:
    """Write what each backup of the chain says was written, and remove what it says was removed, in its order."""
    for backup in chain:
        for name, value in json.loads(b"".join(backup.member(1))).items():
            (directory / name).unlink() if value is None else (directory / name).write_text(value)


@dataclasses.dataclass(frozen=True)
class Values:
    """The source, the target and the trial of a directory."""

    directory: Path
    kind: str = "values"
    kinds: frozenset[str] = frozenset({"values"})
    mode: str = "scratch"
    where: str = "a scratch directory"
    name: tuple[str, str] = ("values", "prices")

    def check(self) -> None: ...

    def require(self, _chain: t.Any, _world: t.Any) -> None: ...

    def _changes(self, known: t.Any) -> dict[str, str | None]:
        """Return what differs from the newest backup, as this host remembers it."""
        memory = Path(known.state_dir, f"{known.previous.backup_id if known.previous else 'none'}.values")
        before, now = json.loads(memory.read_text()) if memory.exists() else {}, read(self.directory)
        changed: dict[str, str | None] = {name: now[name] for name in now if before.get(name) != now[name]}
        return {**changed, **{name: None for name in before if name not in now}}

    def look(self, known: t.Any, _world: t.Any, /) -> Preview:
        changes = self._changes(known)
        lines = tuple(f"{'remove' if value is None else 'store'} {name}" for name, value in changes.items())
        return Preview("every value", lines, {"members": 1}, due=bool(changes), why="what is there still")

    def capture(self, known: t.Any, sink: t.Any, _world: t.Any, /) -> Captured:
        values, changes = read(self.directory), self._changes(known)
        sink.member(1, [json.dumps(changes).encode()])
        sink.record("detail", {"proof": proof(values), "tables": ["nobody else's affair"]})
        Path(known.state_dir, f"{sink.backup_id}.values").write_text(json.dumps(values))
        last = known.previous
        parents = (Parent(last.backup_id, last.manifest_sha256),) if last else ()
        scope, said = "incremental" if last else "full", f"{len(values)} values"
        return Captured(scope, "content", {}, {"values": len(values)}, said, parents)

    @contextlib.contextmanager
    def plan(self, chain: t.Any, _run: t.Any) -> t.Iterator[ValuesPlan]:
        yield ValuesPlan(self, chain, self.name[1])

    @contextlib.contextmanager
    def place(self, chain: t.Any, _run: t.Any, *, asked: bool) -> t.Iterator[ValuesPlace]:
        with tempfile.TemporaryDirectory() as scratch:
            replay(chain, Path(scratch))
            yield ValuesPlace(Path(scratch), chain)


@dataclasses.dataclass
class ValuesPlace:
    directory: Path
    chain: t.Any
    warnings: tuple[str, ...] = ()
    contents: str = "the values"

    def compare(self) -> Comparison:
        found = self.chain[-1].record("detail")["proof"].items() ^ proof(read(self.directory)).items()
        return Comparison(tuple(f"{name} differs" for name in sorted({name for name, _sum in found})))

    def ask(self, check: t.Any, _timeout: float) -> dict[str, t.Any]:
        found = read(self.directory).get(check.query)
        return {"name": check.name, "passed": found == check.expect, "found": found, "wanted": check.expect}


@dataclasses.dataclass
class ValuesPlan:
    wanted: Values
    chain: t.Any
    target: str
    beside: bool = False
    destroyed: bool = False
    selection: str = ""
    host: str = "here"
    before: str = "values"
    warnings: tuple[str, ...] = ()
    facts: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)

    @property
    def identity(self) -> int:
        return self.wanted.directory.stat().st_ino

    @property
    def holds_data(self) -> bool:
        return bool(read(self.wanted.directory))

    @property
    def lines(self) -> tuple[str, ...]:
        return (f"REMOVE what is in {self.target} and write {len(self.chain)} backups",)

    def decide(self) -> None: ...

    def require_free(self) -> None: ...

    def emergency(self) -> Values:
        return self.wanted

    def ready(self) -> t.Any:
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def filled(self, _emergency: t.Any, /) -> t.Iterator[ValuesPlace]:
        self.destroyed = True
        shutil.rmtree(self.wanted.directory)
        self.wanted.directory.mkdir()
        replay(self.chain, self.wanted.directory)
        yield ValuesPlace(self.wanted.directory, self.chain)

    def commit(self, _place: t.Any, /) -> Committed:
        return Committed(self.identity)

    def settle(self) -> tuple[str, ...]:
        return ()
