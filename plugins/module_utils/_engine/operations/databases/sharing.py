# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How several databases share the jobs of a run, by how large they are."""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.components.postgres.capacity import BESIDE
from ...drivers.components.postgres.members import THRESHOLD

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ...drivers.components.postgres.capacity import Capacity


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """A database, its bytes (0 when nobody knows), its jobs, and how many of the run's places it takes."""

    database: str
    size: int
    jobs: int
    places: int


def at_once(server: Capacity | None, databases: int, jobs: int) -> int:
    """Return how many databases may be backed up at a time with one job each, as far as the sessions go."""
    most = min(databases, jobs)
    return most if server is None else max(min(most, server.free // (1 + BESIDE)), 1)


def narrowness(server: Capacity | None, most: int, wanted: int) -> tuple[str, ...]:
    """Return a warning when fewer run at a time than could."""
    if server is None or most >= wanted:
        return ()
    said = f"Databases backed up at a time: {most}, as the limit of {server.limit} leaves {server.free}"
    return (f"{said} sessions.",)


def share(sizes: Mapping[str, int], jobs: int, most: int) -> list[Share]:
    """
    Return the databases in the order in which they begin, `most` at a time.

    One that is larger than its part of the whole would be what all wait for: it runs alone, with all jobs, unless it is
    too small to gain by them; and so does each where only one may run. The others have one job each. What has no size
    fails soon, and begins first.
    """
    ordered = sorted(sizes.items(), key=lambda item: (item[1] > 0, -item[1]))
    total = sum(sizes.values())
    alone = {name for name, size in ordered if most == 1 or (size * jobs > total and size >= THRESHOLD)}
    first = [Share(name, size, jobs, most) for name, size in ordered if name in alone]
    return first + [Share(name, size, 1, 1) for name, size in ordered if name not in alone]
