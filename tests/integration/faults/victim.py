# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Module pg_backup as a process of its own, with a fault at one of its steps: victim.py SETTINGS, a JSON file.

A step is a call of the store, a block that is on its way into it, or an fsync, rename or link of a local file. At
step `at` the process kills itself (`own`), one of its pg_dumps (`child`), or all of them (`children`), by SIGKILL.
Without a fault two numbers are written to the file `steps`: how many steps there were, and which was the last while a
pg_dump ran.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
importlib.import_module("conftest")  # makes the collection importable
import slowness
from ansible.module_utils.testing import patch_module_args
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    members,
    source,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.modules import pg_backup

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

STORE_CALLS = ("put", "put_new", "get", "head", "list", "delete")
LOCAL_CALLS = ("fsync", "rename", "replace", "link", "unlink")


class Steps:
    """Counts the steps of the process, and strikes at one of them."""

    def __init__(self, what: str | None, at: int) -> None:
        self.count = 0
        self.last_with_child = 0
        self._what = what
        self._at = at
        self._lock = threading.Lock()

    def take(self) -> None:
        with self._lock:
            self.count += 1
            if self._what is None:
                self.last_with_child = self.count if _children() else self.last_with_child
            elif self.count >= self._at and self._strike():
                self._what = "done"

    def _strike(self) -> bool:
        if self._what == "done":
            return False
        if self._what == "own":
            os.kill(os.getpid(), signal.SIGKILL)
        running = _children()
        for pid in running if self._what == "children" else running[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(running)


class Watched:
    """A store each call of which is a step, and each block of an upload too."""

    def __init__(self, store: t.Any, steps: Steps) -> None:
        self._store = store
        self._steps = steps

    def __getattr__(self, name: str) -> t.Any:
        if name in STORE_CALLS:
            self._steps.take()
        return getattr(self._store, name)

    def put(self, name: str, chunks: Iterable[bytes], *, part_size: int) -> int:
        self._steps.take()
        return int(self._store.put(name, self._blocks(chunks), part_size=part_size))

    def _blocks(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._steps.take()
            yield chunk


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    steps = Steps(settings["fault"], settings["at"])
    open_store = catalogue.factory.open_store
    catalogue.factory.open_store = lambda *given, **named: Watched(open_store(*given, **named), steps)  # type: ignore[assignment]
    for name in LOCAL_CALLS:
        setattr(os, name, _counted(getattr(os, name), steps))
    members.SMALLEST = settings["smallest"]
    if settings["slow_proof"]:
        source.proof.take = slowness.slowed(source.proof.take)
    try:
        with patch_module_args(settings["options"]):
            pg_backup.main()
    finally:
        if settings["steps"]:
            Path(settings["steps"]).write_text(f"{steps.count} {steps.last_with_child}", encoding="ascii")


def _counted(call: Callable[..., t.Any], steps: Steps) -> Callable[..., t.Any]:
    def counted(*given: t.Any, **named: t.Any) -> t.Any:
        steps.take()
        return call(*given, **named)

    return counted


def _children() -> list[int]:
    """Return our own pg_dumps that run, told from the programs that only say their version."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, IndexError):
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == "pg_dump":
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                running = int(parent) == os.getpid() and state != "Z"
                if running and b"--snapshot" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


if __name__ == "__main__":
    main()
