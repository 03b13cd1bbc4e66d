# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Runs a command and says how long it took, how much CPU it and the whole machine used, and its memory at the peak.

Memory is the proportional set size of the whole process tree (shared pages counted once), sampled ten times a second;
`own` is the peak of the command's first process alone. PostgreSQL's and the store's processes are nobody's children
here: their work shows in the machine's CPU time, which means something only where nothing else runs.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import subprocess
import threading
import time
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INTERVAL = 0.1


@dataclasses.dataclass
class Measured:
    """Seconds and MiB. `machine` is the CPU time of all processes there are, `cpu` that of the command's own."""

    seconds: float
    cpu: float
    machine: float
    peak: float
    own: float


def run(argv: Sequence[str], *, env: Mapping[str, str], stdin: bytes | None = None) -> Measured:
    """Run one command to its end; its failure is an error that shows what it said."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = _busy()
    began = time.monotonic()
    child = subprocess.Popen(
        argv,
        env=dict(env),
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    sampler = _Sampler(child.pid)
    said, _errors = child.communicate(stdin)
    seconds = time.monotonic() - began
    busy = _busy() - busy
    sampler.finish()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode != 0:
        raise SystemExit(f"{argv[0]} ended with {child.returncode}:\n{said.decode(errors='replace')[-4000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(seconds, cpu, busy, sampler.peak / 1024, sampler.own / 1024)


def _busy() -> float:
    """Seconds that all processors of the machine have worked since it was started."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system = (int(field) for field in file.readline().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


class _Sampler(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._end = threading.Event()
        self.peak = 0
        self.own = 0
        self.start()

    def run(self) -> None:
        while not self._end.wait(INTERVAL):
            sizes = {pid: _memory(pid) for pid in _tree(self._pid)}
            self.peak = max(self.peak, sum(sizes.values()))
            self.own = max(self.own, sizes.get(self._pid, 0))

    def finish(self) -> None:
        self._end.set()
        self.join()


def _tree(root: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    parents[int(entry)] = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _memory(pid: int) -> int:
    """KiB of proportional set size."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration, ValueError):
        return 0
