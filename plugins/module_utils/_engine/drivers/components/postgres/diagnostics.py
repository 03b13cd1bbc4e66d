# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a program of PostgreSQL's says on standard error, message by message, each with its details and hints.

The program's own words are English, because its environment says so; the server's come in the server's language. So
nothing here knows a word of the server's: its messages are recognised by their form, a word, a colon and two spaces.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

if t.TYPE_CHECKING:
    from ....ground.errors import ProcessFailed

KEPT = 4 << 20
"""Bytes of messages that are kept from a program which names what it does and what fails, one by one."""

LONGEST = 300
"""Characters of one part of a message that are reported: a statement may name thousands of tables."""

MOST = 8
"""Details of one message that are reported."""

_LINE = re.compile(
    r"^(?:[\w./-]+: (?P<word>warning|error|fatal|detail|hint|info): |(?P<level>[^\W\d_]+ ?):  )?(?P<text>.*)$"
)
_LEVEL = re.compile(r"^(?:Error message from server: |query failed: )?(?:[^\W\d_]+ ?:  )?")


@dataclasses.dataclass
class Diagnostic:
    """
    One message. `error` says that it ended the program; `details` hold its hints too. `level` is the server's word
    for how grave its own message is, and empty for the program's.
    """

    text: str
    error: bool = False
    level: str = ""
    details: list[str] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        """Return all of it as one line, each part bounded."""
        parts = [_LEVEL.sub("", part.strip(), count=1) for part in (self.text, *self.details[:MOST])]
        if self.details[MOST:]:
            parts.append(f"and {len(self.details) - MOST} more")
        shown = [" ".join(part[:LONGEST].split()) + ("..." if part[LONGEST:] else "") for part in parts]
        first, *others = shown
        first = first.replace(" PQgetResult() failed.", "").replace(" PQgetCopyData() failed.", "")
        return f"{first} {'; '.join(others)}".strip().rstrip(".;")


def read(stderr: str) -> list[Diagnostic]:
    """Group the lines of a program into its messages, and leave out what it only mentions."""
    found: list[Diagnostic] = []
    silent = False
    for line in stderr.splitlines():
        match = _LINE.match(line)
        word, level = (match["word"], match["level"]) if match else (None, None)
        if match is None or not (word or level):
            _continue(found, line, silent=silent)
        elif word == "info":
            silent = True
        elif found and not silent and (word in {"detail", "hint"} or (level and _belongs(found[-1], level))):
            found[-1].details.append(match["text"])
        elif word not in {"detail", "hint"}:
            silent = False
            found.append(Diagnostic(match["text"], error=word in {"error", "fatal"}, level=level or ""))
    return found


def failure(error: ProcessFailed) -> str:
    """Return what a program said of its failure, or how it ended when it said nothing, without a full stop."""
    said = read(str(error.details.get("stderr", "")))
    return "; ".join(str(one) for one in said if one.error) or error.cause.rstrip(".")


def _belongs(last: Diagnostic, level: str) -> bool:
    """Whether a line of the server's goes on with the last message: a detail has another word before it."""
    return last.error or last.level not in {"", level}


def _continue(found: list[Diagnostic], line: str, *, silent: bool) -> None:
    """Add a line that begins no message to the one that it continues."""
    if silent or not line.strip():
        return
    if not found:
        found.append(Diagnostic(line))
    elif found[-1].details:
        found[-1].details[-1] += f"\n{line}"
    else:
        found[-1].text += f"\n{line}"
