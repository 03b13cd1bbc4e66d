# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a listing of versions means that an object is not seen as it was written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3.versions import (
    Version,
    covered,
)

START = datetime(2026, 11, 1, tzinfo=UTC)


def history(name: str, *steps: str) -> list[Version]:
    """Return the versions of an object after these steps, `marker` or a content, the newest first."""
    made = [
        Version(
            name,
            f"{name}{number}",
            latest=number == len(steps) - 1,
            marker=step == "marker",
            modified=START + timedelta(days=number),
            size=0 if step == "marker" else len(step),
            etag="" if step == "marker" else step,
        )
        for number, step in enumerate(steps)
    ]
    return made[::-1]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (("x",), None),
        (("x", "x"), None),  # the same bytes once more, as after a lost answer
        (("x", "marker", "x"), None),
        (("marker",), None),
        (("marker", "marker"), None),
        (("x", "marker"), (True, "a0")),
        (("", "marker"), (True, "a0")),
        (("x", "marker", "marker"), (True, "a0")),
        (("x", "y"), (False, "a0")),
        (("x", "y", "z"), (False, "a0")),
        (("x", "marker", "y"), (False, "a0")),
        (("x", "y", "marker"), (True, "a0")),
    ],
)
def test_what_covers_an_object(steps: tuple[str, ...], expected: tuple[bool, str] | None) -> None:
    found = [(one.hidden, one.version_id) for one in covered(history("a", *steps))]
    assert found == ([expected] if expected else [])


def test_each_object_is_looked_at_by_itself() -> None:
    versions = history("a", "x", "marker") + history("b", "x") + history("c", "x", "y")
    assert [(one.name, one.hidden, one.since.day) for one in covered(versions)] == [("a", True, 2), ("c", False, 2)]
