# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The rows of backups in the table of an audit log, and what later entries and the policy of retention say of them.
"""

from __future__ import annotations

import json
import typing as t

from .connection import rows
from .log_table import batches

if t.TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from .connection import Connection
    from .log_table import Table


class BackupRow(t.NamedTuple):
    """The row of a backup, as `_BACKUPS` lists it: `size` is bytes, what is about retention is what stands there."""

    id: int
    application: str
    component: str
    backup_id: str
    created_at: datetime
    scope: str
    reason: str
    size: int
    restore_tested_at: datetime | None
    retention_type: str | None
    retention_expires_at: datetime | None


def settle(session: Connection, table: Table, ids: list[int]) -> int:
    """Bring the rows of backups that new rows are about up to date with what others tell. Return how many changed."""
    if not ids:
        return 0
    return sum(len(rows(session, query.format(table=table.in_query), [ids])) for query in (_DELETED, _TESTED))


def backups(session: Connection, table: Table, log: str) -> list[BackupRow]:
    """Return what retention needs to know of a log's backups that are still there."""
    return [BackupRow(*row) for row in rows(session, _BACKUPS.format(table=table.in_query), [log])]


def set_outlook(session: Connection, table: Table, outlooks: Iterable[dict[str, t.Any]]) -> None:
    """Write `retention_type` and `retention_expires_at` of rows by their `id`."""
    for batch in batches(outlooks):
        rows(session, _OUTLOOK.format(table=table.in_query), [json.dumps(batch)])


_DELETED = """
UPDATE {table} AS b SET status = 'deleted', deleted_at = r.created_at
  FROM {table} AS r
 WHERE b.operation = 'backup' AND b.status = 'completed'
   AND b.backup_id IN (SELECT backup_id FROM {table} WHERE id = ANY (%s))
   AND r.operation = 'retention' AND r.metadata ->> 'action' = 'deleted'
   AND r.backup_id = b.backup_id AND r.component = b.component AND r.application = b.application
RETURNING b.id"""

# The last word of a validation counts: of those that ended well, one that compared the data with its proof; of those
# that failed, one about the backup itself.
_TESTED = """
WITH about AS (SELECT DISTINCT backup_id FROM {table} WHERE id = ANY (%s) AND backup_id IS NOT NULL),
     word AS (SELECT DISTINCT ON (application, component, backup_id) application, component, backup_id,
                     jsonb_build_object('tested', true, 'testedAt', created_at,
                                        'testResult', CASE status WHEN 'ok' THEN 'passed' ELSE 'failed' END) AS said
                FROM {table} JOIN about USING (backup_id)
               WHERE operation = 'validation'
                 AND (status = 'ok' AND coalesce(metadata ->> 'proof', 'none') <> 'none'
                      OR metadata ->> 'error' IN ('ProofMismatch', 'Tampered'))
               ORDER BY application, component, backup_id, created_at DESC, id DESC)
UPDATE {table} AS b SET metadata = b.metadata || word.said
  FROM word
 WHERE b.operation = 'backup' AND b.status IN ('completed', 'deleted') AND NOT b.metadata @> word.said
   AND word.backup_id = b.backup_id AND word.component = b.component AND word.application = b.application
RETURNING b.id"""

_BACKUPS = """
SELECT id, application, component, backup_id, created_at, coalesce(metadata ->> 'scope', 'full'), reason,
       coalesce(file_size, 0),
       CASE WHEN metadata ->> 'testResult' = 'passed' THEN (metadata ->> 'testedAt')::timestamptz END,
       retention_type, retention_expires_at
  FROM {table}
 WHERE log = %s AND operation = 'backup' AND status = 'completed' AND backup_id IS NOT NULL"""

_OUTLOOK = """
UPDATE {table} AS b
   SET retention_type = r.retention_type, retention_expires_at = r.retention_expires_at
  FROM jsonb_to_recordset(%s::jsonb) AS r (id bigint, retention_type text, retention_expires_at timestamptz)
 WHERE b.id = r.id
RETURNING b.id"""
