# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Metrics of Prometheus that are gauges, by the rows of a table."""

from __future__ import annotations

import typing as t

from ...ground.exposition import Family, Sample

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Gauge = tuple[str, str, "Callable[[t.Any], float | None]"]
"""Name, meaning, and how the value is got from a thing; None is left out."""


def gauges(table: Iterable[Gauge], found: Sequence[tuple[dict[str, str], t.Any]]) -> Iterable[Family]:
    """Yield a family for each row of a table, with a sample of each thing that was found."""
    for name, text, value in table:
        yield gauge(name, text, ((labels, value(thing)) for labels, thing in found))


def gauge(name: str, text: str, values: Iterable[tuple[dict[str, str], float | None]]) -> Family:
    """Return the family of a gauge; a value of None is left out."""
    return Family(name, "gauge", text, tuple(Sample(value, labels) for labels, value in values if value is not None))
