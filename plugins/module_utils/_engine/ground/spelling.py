# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody may have meant by a word that is none of those that are known."""

from __future__ import annotations

import difflib
import typing as t

from .errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


def nearest(given: str, known: Iterable[str]) -> str:
    """Return the known word that is most like the given one, empty when none is."""
    return next(iter(difflib.get_close_matches(given, list(known), 1, 0.6)), "")


def require_known(entry: Mapping[str, t.Any], known: Collection[str], field: str) -> None:
    """Raise UsageError that names the first key of a dictionary that is unknown, and the one that may be meant."""
    for key in entry:
        if key not in known:
            raise unknown(f"{field}.{key}", str(key), known)


def unknown(field: str, given: str, known: Collection[str]) -> UsageError:
    """Return the error for a word that is none of those that are known."""
    meant = nearest(given, known)
    guess = f"Did you mean {meant}? " if meant else ""
    return UsageError(f"{field} is unknown.", f"{guess}Use some of {', '.join(known)}.", field=field)
