# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a server is set to archive its log: as it runs, and as it will after a restart."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .connection import rows

if t.TYPE_CHECKING:
    from .connection import Connection

NOTHING = ("", "(disabled)", "/bin/true")
"""Commands that archive nothing: none, any while archive_mode is off, and the one that role wal_archiving leaves."""


@dataclasses.dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """
    The settings as they run, with `command` and `library` as they are written where the role may see that.

    `timeout` is in seconds. `keeps` are the MB of log that a slot may keep at most, -1 for any. The `data_directory` is
    empty, and the server not to be asked of its archiver, for a role that is not one of those who `monitors`.
    """

    user: str
    mode: str
    command: str
    library: str
    timeout: int
    keeps: int
    slots: int
    in_recovery: bool
    system_identifier: str
    segment_size: int
    data_directory: str
    monitors: bool

    def program(self, cluster: str) -> str:
        """Return the program that archives the log of this cluster; empty where something else does, or nothing."""
        found = re.fullmatch(rf"(\S+) wal-push {re.escape(cluster)} %p", self.command)
        return found[1] if found and not self.library else ""


def read(session: Connection) -> ArchiveSettings:
    """Ask the server."""
    told, sees = rows(session, _RUNNING)[0]
    written = dict(rows(session, _WRITTEN)) if sees else {}
    for name in ("command", "library"):
        told[name] = written.get(f"archive_{name}", told[name])
    return ArchiveSettings(**told)


_RUNNING = """
SELECT json_build_object(
  'user', current_user, 'mode', current_setting('archive_mode'), 'command', current_setting('archive_command'),
  'library', current_setting('archive_library'),
  'timeout', (SELECT setting::integer FROM pg_settings WHERE name = 'archive_timeout'),
  'keeps', (SELECT setting::integer FROM pg_settings WHERE name = 'max_slot_wal_keep_size'),
  'slots', (SELECT count(*) FROM pg_replication_slots), 'in_recovery', pg_is_in_recovery(),
  'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
  'segment_size', pg_size_bytes(current_setting('wal_segment_size')),
  'data_directory', (SELECT coalesce(max(setting), '') FROM pg_settings WHERE name = 'data_directory'),
  'monitors', pg_has_role('pg_monitor', 'USAGE')),
  has_table_privilege('pg_catalog.pg_file_settings', 'SELECT')
    AND has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE')
"""

_WRITTEN = """
SELECT DISTINCT ON (name) name, setting FROM pg_catalog.pg_file_settings
 WHERE name IN ('archive_command', 'archive_library') ORDER BY name, seqno DESC
"""
