# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What pg_amcheck finds in a server: tables whose rows cannot be, and indexes that do not lead to all of them.

It runs functions of the owners' indexes, so it belongs into the walls of the server that it looks at.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ....ground import process
from ....ground.errors import DatabaseError, ProcessFailed
from ....ground.units import human_count, human_duration
from .connection import child_environment

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .recovering_server import RecoveringServer

DAMAGED = 2
"""The status with which pg_amcheck ends where it found damage."""

CUT_OFF = frozenset({124, 137})
"""Those of timeout, which ends it: asked, and by force."""

GRACE = 10
"""Seconds from the one to the other."""

LONGEST_REPORT = 1 << 20
"""Bytes that are read of what it finds; who has so much to say has said enough."""

_PROGRESS = re.compile(r"(\d+)/(\d+) relations")


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What is damaged, as sentences, and what of the work was not done, as one; empty where all was."""

    damage: tuple[str, ...]
    left: str = ""


def check(server: RecoveringServer, what: Sequence[str], *, jobs: int, budget: float) -> Found:
    """
    Let it look at `what`, options of it, for `budget` seconds at most unless they are 0.

    Raise DatabaseError when it cannot look.
    """
    options = ("--install-missing", "--heapallindexed", "--no-password", "--progress", f"--jobs={jobs}")
    limit = ("timeout", f"--kill-after={GRACE}", str(max(1, round(budget))), "env", "--") if budget else ()
    argv = [*server.owner.prefix, *limit, server.programs.path("pg_amcheck"), *options, *what]
    environ = child_environment(server.login, "template1", _ENVIRONMENT)
    said = bytearray()
    with process.Producer(argv, env=environ) as child:
        try:
            for block in child:
                said += block[: LONGEST_REPORT - len(said)]
        except ProcessFailed as exc:
            damage = _read(said.decode("utf-8", "replace"))
            status, told = exc.details.get("exit_status"), str(exc.details.get("stderr", ""))
            if status in CUT_OFF:
                return Found(damage, _left(told, budget))
            if status != DAMAGED or not damage:
                raise DatabaseError(
                    f"The recovered server cannot be looked at: {exc.cause}",
                    "Install the extensions of PostgreSQL's package on this host, and see what the server lacks.",
                ) from exc
            return Found(damage)
    return Found(_read(said.decode("utf-8", "replace")))


def _read(said: str) -> tuple[str, ...]:
    """Return each object that is damaged, once, with the first thing that is said of it."""
    found: dict[str, str] = {}
    what = ""
    for line in said.splitlines():
        if line and not line[0].isspace():
            what = line.rstrip(":").partition(", ")[0]
            found.setdefault(what, "")
        elif what and not found[what]:
            found[what] = " ".join(line.split())
    return tuple(f"{what}: {detail}" if detail else what for what, detail in found.items())


def _left(told: str, budget: float) -> str:
    seen = _PROGRESS.findall(told)
    done, every = map(int, seen[-1]) if seen else (0, 0)
    looked = f"{done} of {human_count(every, 'relation')}" if seen else "no relation"
    return (
        f"pg_amcheck was ended after {human_duration(budget)}: by its last report it had looked at {looked}. Raise "
        "amcheck_timeout (lifeboat_validate_amcheck_timeout) to have all of them checked."
    )


_ENVIRONMENT: Mapping[str, str] = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
