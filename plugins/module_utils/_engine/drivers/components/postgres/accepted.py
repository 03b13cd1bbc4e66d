# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user accepts to lose, and says in advance: the patterns of `accept_warnings`."""

from __future__ import annotations

import re
import typing as t

from ....ground.errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Iterable


def check(patterns: Iterable[str]) -> None:
    """Raise UsageError when one of them is no regular expression."""
    for pattern in patterns:
        _compiled(pattern)


def accepts(patterns: Iterable[str], text: str) -> bool:
    """Whether one of `patterns` is found in `text`. Raise UsageError as `check` does."""
    return any(_compiled(pattern).search(text) for pattern in patterns)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as exc:
        raise UsageError(
            f"The pattern {pattern!r} is not a regular expression: {exc}.", "Correct it.", field="accept_warnings"
        ) from exc
