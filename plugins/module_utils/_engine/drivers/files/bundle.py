# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain files as one tar stream, in one spelling: equal files give equal bytes, whoever packs them and when."""

from __future__ import annotations

import dataclasses
import typing as t

from . import tar

if t.TYPE_CHECKING:
    from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Plain:
    """A file below the top of a bundle. Of its mode only whether it is a program is kept."""

    name: str
    content: bytes
    program: bool = False


def bundle(files: Iterable[Plain]) -> bytes:
    """Return the files as a tar stream, ordered by name."""
    parts = []
    for file in sorted(files):
        mode = 0o755 if file.program else 0o644
        member = tar.Member(file.name.encode(), tar.FILE, mode=mode, size=len(file.content))
        parts += [tar.encode(member), file.content, tar.padding(len(file.content))]
    return b"".join([*parts, bytes(tar.TRAILER)])
