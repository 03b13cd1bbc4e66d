# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The people to call, and in which order. Nobody is called by this software, which only says who comes next."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from ...ground import units

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclasses.dataclass(frozen=True, slots=True)
class Contact:
    """
    Somebody to call. Those of level 1 are called first, the next level when nobody answers `within` that time.

    A `vendor` is somebody outside, who is asked for help, and is no level.
    """

    role: str = ""
    name: str = ""
    phone: str = ""
    email: str = ""
    availability: str = ""
    level: int = 1
    within: str = ""
    vendor: bool = False


def parse(given: Iterable[Mapping[str, t.Any]]) -> tuple[Contact, ...]:
    """Return contacts, ordered by level. Raise UsageError for a `within` that is no time."""
    found = []
    for entry in given:
        one = Contact(**entry)
        within = units.human_duration(units.parse_duration(one.within, "contacts.within")) if one.within else ""
        found.append(dataclasses.replace(one, within=within))
    return tuple(sorted(found, key=lambda one: (one.vendor, one.level)))


def escalation(contacts: Sequence[Contact]) -> tuple[str, ...]:
    """Return a line for each level, such as `If nobody answers within 15 min: Bob (head of operations, +49 30 1)`."""
    lines: list[str] = []
    within = ""
    own = sorted((one for one in contacts if not one.vendor), key=lambda one: one.level)
    for _level, several in itertools.groupby(own, key=lambda one: one.level):
        people = list(several)
        who = ", ".join(map(_who, people))
        after = f" within {within}" if within else ""
        lines.append(f"If nobody answers{after}: {who}" if lines else f"Call {who}")
        within = next((one.within for one in people if one.within), "")
    return tuple(lines)


def _who(one: Contact) -> str:
    called = one.name or one.role or one.email or one.phone
    about = [each for each in (one.role, one.phone, one.email) if each and each != called]
    return f"{called} ({', '.join(about)})" if about else called
