# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which entries of a source are left out.

A pattern without a slash fits an entry's own name at any depth; one with a slash fits the whole name below the
source. `*` and `?` stop at slashes, `**` does not, `[abc]` and `[!abc]` are sets. A directory that is left out takes
everything below it along.
"""

from __future__ import annotations

import os
import re
import typing as t

from ...ground.errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Sequence


class Selection:
    """The patterns of one run, ready to be asked."""

    def __init__(self, exclude: Sequence[str] = ()) -> None:
        """Raise UsageError for a pattern that can never fit or is malformed."""
        self._anywhere = [_compile(item) for item in exclude if "/" not in item.rstrip("/")]
        self._placed = [_compile(item) for item in exclude if "/" in item.rstrip("/")]

    def leaves_out(self, name: bytes, own: bytes) -> bool:
        """Whether the entry `name` below the source, whose own name is `own`, is left out."""
        return any(item.fullmatch(own) for item in self._anywhere) or any(item.fullmatch(name) for item in self._placed)


def _compile(pattern: str) -> re.Pattern[bytes]:
    text = os.fsencode(pattern).strip(b"/")
    if not text or b"\0" in text:
        raise UsageError(
            f"The pattern {pattern!r} can match nothing.",
            "Set a name or a path in the source.",
            field="exclude",
        )
    out, at = b"", 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        piece = token[0] if token else text[at : at + 1]
        out += _translated(piece)
        at += len(piece)
    try:
        return re.compile(out, re.DOTALL)
    except re.error as exc:
        raise UsageError(
            f"The pattern {pattern!r} is malformed: {exc}.", "Correct the set in brackets.", field="exclude"
        ) from exc


_TOKEN = re.compile(rb"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]", re.DOTALL)
_WILD = {b"**/": b"(?:.*/)?", b"**": b".*", b"*": b"[^/]*", b"?": b"[^/]"}


def _translated(piece: bytes) -> bytes:
    if piece in _WILD:
        return _WILD[piece]
    if len(piece) > 2:
        inner = piece[1:-1].replace(b"\\", b"\\\\").replace(b"[", b"\\[")
        if inner.startswith(b"!"):
            inner = b"^" + inner[1:]
        elif inner.startswith(b"^"):
            inner = b"\\" + inner
        return b"(?!/)[" + inner + b"]"
    return re.escape(piece)
