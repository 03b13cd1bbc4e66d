# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a comparison only tells, in as few sentences as there are reasons: one cause may be true of every table.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from .differences import Difference, Record

NAMED = 3
"""Objects that a sentence about several names."""

MAINTAIN = 17
"""The major from which the rights on a table include one to maintain it."""


def told(differences: Iterable[Difference], source: Record, restored: Record) -> list[str]:
    """Give the notes among the differences of two proofs as sentences, one for each reason."""
    alike: dict[tuple[str, str], list[Difference]] = {}
    for difference in differences:
        if difference.note:
            alike.setdefault((difference.what, difference.detail), []).append(difference)
    majors = (_major(source), _major(restored))
    return [_sentence(group, majors) for group in alike.values()]


def _sentence(group: list[Difference], majors: tuple[int, int]) -> str:
    first = group[0]
    if len(group) == 1:
        return str(first)
    if first.what == "changed" and majors[0] != majors[1]:
        older, newer = sorted(majors)
        rights = f", and from {MAINTAIN} on grants have the right MAINTAIN" if older < MAINTAIN <= newer else ""
        cause = f"PostgreSQL {newer} describes {len(group)} objects in other words than {older}{rights}"
        return f"{cause}: {_names(group)}"
    return f"{_names(group)}: {first.detail}"


def _names(group: list[Difference]) -> str:
    names = [difference.object for difference in group]
    more = len(names) - NAMED
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:NAMED])} and {more} more"


def _major(proof: Record) -> int:
    return int(proof["server"]["version_num"]) // 10000
