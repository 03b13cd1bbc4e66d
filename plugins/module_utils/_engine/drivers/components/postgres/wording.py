# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Whether a definition was changed, or only reads otherwise because PostgreSQL wrote it, read it, and wrote it again.
"""

from __future__ import annotations

import contextlib
import typing as t

from ....ground.errors import DatabaseError, ProcessFailed, UsageError
from . import restorer
from .catalogue_objects import describe, digests
from .connection import connect

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ..base import Stored
    from .differences import Difference
    from .layout import BackupContents, Layout
    from .restorer import Tools

DATABASE = "validation"

Empty = t.Callable[[], "contextlib.AbstractContextManager[Tools]"]


def read_again(
    found: Iterable[Difference], restored: dict[str, t.Any], contents: BackupContents, empty: Empty
) -> set[str]:
    """
    Return those of `found` that differ in words, and that PostgreSQL's own restore of the backup words as `restored`.

    `empty` gives the tools that reach a scratch cluster whose DATABASE is empty. Where there is none, nothing is
    excused: what differs stays a difference.
    """
    names = {difference.object for difference in found if difference.words}
    made: dict[str, str] = {}
    if names:
        with contextlib.suppress(DatabaseError, UsageError), empty() as tools:
            made = restored_structure(tools, DATABASE, contents.backup, contents.layout)
    return {name for name in names if made.get(name) == restored["objects"][name]}


def restored_structure(tools: Tools, database: str, source: Stored, layout: Layout) -> dict[str, str]:
    """Restore the structure alone into the empty `database`, and give {identity: digest} of what came to be."""
    structure = b"".join(source.member(layout.structure))
    with restorer.memory_file(structure) as archive, contextlib.suppress(ProcessFailed):
        # What cannot be made is not there, and so proves nothing.
        restorer.run(tools, database, archive, ["--section=pre-data", "--section=post-data"])
    with contextlib.closing(connect(tools.login, database, read_only=True)) as connection:
        return digests(describe(connection))
