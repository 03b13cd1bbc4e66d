# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Data as people write it, such as checks and services: each value is read strictly, and what cannot be meant is refused
by its place, with the word that may be meant.
"""

from __future__ import annotations

import difflib
import typing as t

from .errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    Entry: t.TypeAlias = "Mapping[str, t.Any]"


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


def mapping(value: t.Any, field: str) -> Entry:
    """Return a dictionary with names. Raise UsageError for anything else."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UsageError(f"{field} is no dictionary.", "Set its keys below it.", field=field)
    return value


def each(entry: Entry, key: str, field: str) -> list[tuple[t.Any, str]]:
    """Return the entries of a list, or the only one, each with its place; none where the key is not set."""
    value = entry.get(key)
    if value is None:
        return []
    if isinstance(value, list):
        return [(one, f"{field}.{key}[{number}]") for number, one in enumerate(value)]
    return [(value, f"{field}.{key}")]


def text(entry: Entry, key: str, field: str, otherwise: str | None = None) -> str:
    """Return the text of a key, or what counts otherwise. Raise UsageError where it is missing, or is not one line."""
    if entry.get(key) is None and otherwise is not None:
        return otherwise
    return line(entry.get(key), f"{field}.{key}")


def line(value: t.Any, field: str) -> str:
    """Return a text of one line. Raise UsageError for anything else."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise UsageError(f"{field} is missing or no text of one line.", "Set it.", field=field)
    return value


def whole(value: t.Any, field: str, lowest: int, highest: int) -> int:
    """Return a whole number. Raise UsageError for anything else."""
    digits = str(value)
    if isinstance(value, bool) or not (digits.isascii() and digits.isdecimal()) or not lowest <= int(digits) <= highest:
        raise UsageError(f"{field} is no whole number from {lowest} to {highest}.", "Correct it.", field=field)
    return int(digits)


def argv(value: t.Any, field: str) -> list[str]:
    """Return a program and its arguments. Raise UsageError for anything else, such as a line for a shell."""
    if isinstance(value, list) and value and all(isinstance(word, str | int | float) for word in value):
        words = list(map(str, value))
        if words[0] and not any("\0" in word for word in words):
            return words
    raise UsageError(
        f"{field} is no list of words.", "Use a program and its arguments, such as [npm, ci].", field=field
    )
