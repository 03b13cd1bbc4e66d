# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Ways that are known to turn PostgreSQL's client programs against their user, and the releases without them.

A distribution may mend a release without raising its number: so this warns, and never refuses.
"""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_SOURCE = "https://www.postgresql.org/support/security/{name}/"


@dataclasses.dataclass(frozen=True, slots=True)
class Advisory:
    """One of them: `minors` is, by major version, the first minor release that is mended."""

    name: str
    what: str
    minors: Mapping[int, int]

    @property
    def source(self) -> str:
        """Where PostgreSQL's developers describe it."""
        return _SOURCE.format(name=self.name)

    def fixed_in(self, major: int) -> str:
        """Give the release that is mended: of that major version, or else of the oldest one that has it."""
        known = major if major in self.minors else min(self.minors)
        return f"{known}.{self.minors[known]}"

    def record(self, major: int) -> dict[str, str]:
        """Give it as plain data."""
        return {"name": self.name, "what": self.what, "fixed_in": self.fixed_in(major), "source": self.source}


# The oldest first. server.PATCHED names what the last of them asks for.
KNOWN = (
    Advisory(
        "CVE-2024-7348",
        "the owner of a table can run SQL as the role that dumps it",
        {16: 4, 15: 8, 14: 13, 13: 16, 12: 20},
    ),
    Advisory(
        "CVE-2025-8714",
        "the source's superuser can run programs where a plain dump is restored",
        {17: 6, 16: 10, 15: 14, 14: 19},
    ),
    Advisory(
        "CVE-2025-8715",
        "an object's name can run programs where a plain dump is restored",
        {17: 6, 16: 10, 15: 14, 14: 19},
    ),
    Advisory(
        "CVE-2026-6477",
        "a hostile server can overwrite the memory of pg_dump when it reads large objects",
        {18: 4, 17: 10, 16: 14, 15: 18, 14: 23},
    ),
    Advisory(
        "CVE-2026-18408",
        "the source's superuser can run programs where a plain dump is restored, past the guard of CVE-2025-8714",
        {18: 6, 17: 11, 16: 15, 15: 19, 14: 24},
    ),
    Advisory(
        "CVE-2026-116314",
        "a crafted archive can run programs in pg_restore",
        {18: 7, 17: 12, 16: 16, 15: 20, 14: 25},
    ),
)


RESTRICTING = KNOWN[0]
"""What a server without `session.RESTRICTION` is open to, whatever its clients are."""


def of(version_num: int) -> list[Advisory]:
    """Give those that a client of this version (PostgreSQL's own number, 150018 for 15.18) is open to, oldest first."""
    major, minor = version_num // 10000, version_num % 10000
    return [each for each in KNOWN if minor < each.minors.get(major, 0)]
