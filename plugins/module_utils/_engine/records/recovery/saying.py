# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hosts said, as journals keep it: one line each that no terminal obeys, and not too long."""

from __future__ import annotations

import hashlib
import typing as t

from ...ground.printing import printable

if t.TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGE = 2000
"""Letters of a message that are kept, and"""

MESSAGES = 200_000
"""those of the messages of all hosts of a step."""


def message(text: str, longest: int = MESSAGE) -> str:
    """Return what a host said as one line that no terminal obeys; of what is cut off, the SHA-256."""
    line = printable(" ".join(text.split()))
    if len(line) <= longest:
        return line
    rest = hashlib.sha256(line[longest:].encode()).hexdigest()
    return f"{line[:longest]}… sha256:{rest}"


def messages(said: Mapping[str, str]) -> dict[str, str]:
    """Return the messages of hosts; the more hosts, the shorter each."""
    longest = min(MESSAGE, MESSAGES // max(len(said), 1))
    return {message(host): message(text, longest) for host, text in said.items()}
