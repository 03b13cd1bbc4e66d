# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a login may do beyond what it was granted in one database.

Whoever owns a table runs code in the sessions that use it: by its triggers, and already while a query is planned by its
indexes and statistics objects. That code can do all that the login may; no change of the role within the session takes
anything away from it.
"""

from __future__ import annotations

import typing as t

from .connection import rows

if t.TYPE_CHECKING:
    from .connection import Connection


def of(connection: Connection) -> tuple[str, str]:
    """Give this session's login, and its greatest power as the rest of a sentence; empty where it has none."""
    login, power = rows(connection, _POWERS)[0]
    return str(login), str(power or "")


_POWERS = """
SELECT session_user::text, CASE
    WHEN rolsuper THEN 'is a superuser'
    WHEN pg_has_role(session_user, 'pg_execute_server_program', 'MEMBER') THEN 'may run programs on the server'
    WHEN pg_has_role(session_user, 'pg_write_server_files', 'MEMBER') THEN 'may write files of the server'
    WHEN pg_has_role(session_user, 'pg_read_server_files', 'MEMBER') THEN 'may read files of the server'
    WHEN rolcreaterole THEN 'may make and change roles'
    WHEN pg_has_role(session_user, 'pg_read_all_data', 'MEMBER')
        OR has_table_privilege(session_user, 'pg_catalog.pg_authid', 'SELECT') THEN 'may read password hashes'
END AS power
FROM pg_catalog.pg_roles
WHERE rolname = session_user
"""
