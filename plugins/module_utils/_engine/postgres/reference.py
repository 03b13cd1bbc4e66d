# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What PostgreSQL makes of a backup's structure when nothing but its own pg_restore has touched it: the judge of whether
a definition that reads otherwise was changed by somebody, or is only what PostgreSQL writes of it.
"""

from __future__ import annotations

import contextlib
import typing as t

from ..errors import ProcessFailed
from . import restorer
from .catalogue_objects import describe, digests
from .connection import connect

if t.TYPE_CHECKING:
    from ..components.base import Stored
    from .layout import Layout
    from .restorer import Tools


def restored_structure(tools: Tools, database: str, source: Stored, layout: Layout) -> dict[str, str]:
    """Restore the structure alone into the empty `database`, and give {identity: digest} of what came to be."""
    structure = b"".join(source.member(layout.structure))
    with restorer.memory_file(structure) as archive, contextlib.suppress(ProcessFailed):
        # What cannot be made is not there, and so proves nothing.
        restorer.run(tools, database, archive, ["--section=pre-data", "--section=post-data"])
    with contextlib.closing(connect(tools.login, database, read_only=True)) as connection:
        return digests(describe(connection))
