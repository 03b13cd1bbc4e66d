# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A server and its part in streaming replication, as its superuser sees it on its own host, whether it runs or not.

It is asked by psql: a standby may have to be promoted on a host that has nothing of ours.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import typing as t

from ....ground.errors import DatabaseError, ProcessFailed
from . import control_data, psql

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .control_data import ControlData

STANDBY_SIGNAL = "standby.signal"
"""The file in a data directory that makes a server start as a standby."""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what PostgreSQL's programs are run with that work on a data directory."""
    # A server whose messages have a locale from elsewhere does not start without it, not even for a crash recovery.
    kept = {name: environ[name] for name in ("LOCPATH",) if name in environ}
    return {"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", **kept}


@dataclasses.dataclass(frozen=True, slots=True)
class LocalServer:
    """A server of this host: where its data, its programs and its socket are, and its port."""

    data_dir: str
    bin_dir: str
    unix_socket: str
    port: int

    def ask(self, statement: str) -> str:
        """Run a statement as a superuser, and return its answer. Raise ProcessFailed when it fails."""
        where = psql.conninfo({"host": self.unix_socket, "port": self.port, "dbname": "postgres"})
        return psql.ask(where, statement, program=self.program("psql"))

    def program(self, name: str) -> str:
        """Return the path of one of its programs."""
        return os.path.join(self.bin_dir, name)

    def control(self) -> ControlData:
        """Return what its control file says. Raise DatabaseError where that cannot be read."""
        return control_data.read(self.bin_dir, self.data_dir)

    @property
    def alive(self) -> bool:
        """Whether a process of the server is there, even one that answers nobody."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            with open(os.path.join(self.data_dir, "postmaster.pid"), encoding="ascii", errors="replace") as file:
                number = int(file.readline())
            # After a power failure the file is stale, and its number another program's.
            with open(f"/proc/{number}/comm", encoding="utf-8", errors="replace") as name:
                return name.read().startswith(("postgres", "postmaster"))
        return False

    @property
    def has_standby_signal(self) -> bool:
        """Whether it would start as a standby."""
        return os.path.exists(os.path.join(self.data_dir, STANDBY_SIGNAL))

    def look(self) -> dict[str, t.Any]:
        """Return what a running server says of its part. Raise DatabaseError when it does not answer."""
        try:
            return t.cast("dict[str, t.Any]", json.loads(self.ask(_STATE)))
        except (ProcessFailed, ValueError) as exc:
            raise DatabaseError(
                f"The server of {self.data_dir} does not answer as a superuser at port {self.port}: {exc}",
                "Look into its log; check login_unix_socket and login_port.",
            ) from exc


_STATE = """
SELECT json_build_object(
  'version', current_setting('server_version'),
  'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
  'in_recovery', recovery.active,
  'timeline', CASE WHEN recovery.active THEN greatest(
        (SELECT received_tli FROM pg_stat_wal_receiver),
        (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
        (SELECT timeline_id FROM pg_control_checkpoint()))
     ELSE ('x' || lpad(left(pg_walfile_name(pg_current_wal_lsn()), 8), 8, '0'))::bit(32)::int END,
  'write_lsn', CASE WHEN recovery.active THEN NULL ELSE pg_current_wal_lsn()::text END,
  'receive_lsn', pg_last_wal_receive_lsn()::text,
  'replay_lsn', pg_last_wal_replay_lsn()::text,
  'lag_bytes', CASE WHEN recovery.active THEN greatest(coalesce(
        pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0), 0)::bigint END,
  'last_commit_at', to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
  'lag_seconds', CASE WHEN recovery.active
        THEN round(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::numeric, 1) END,
  'receiver', (SELECT json_build_object('status', status, 'host', sender_host, 'port', sender_port, 'slot', slot_name,
        'last_message_at', to_char(last_msg_receipt_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
        FROM pg_stat_wal_receiver WHERE status IS NOT NULL),
  'standbys', (SELECT coalesce(json_agg(json_build_object('name', application_name, 'address', client_addr::text,
        'state', state, 'sync', sync_state, 'lag_bytes', pg_wal_lsn_diff(sent_lsn, replay_lsn)::bigint)
        ORDER BY application_name), '[]') FROM pg_stat_replication),
  'slots', (SELECT coalesce(json_agg(json_build_object('name', slot_name, 'type', slot_type, 'database', database,
        'active', active, 'wal_status', wal_status, 'synced', coalesce((to_jsonb(s) ->> 'synced')::bool, false))
        ORDER BY slot_name), '[]') FROM pg_replication_slots s),
  'subscriptions', (SELECT coalesce(json_agg(json_build_object('name', subname, 'database', datname,
        'enabled', subenabled, 'slot', subslotname) ORDER BY datname, subname), '[]')
        FROM pg_subscription JOIN pg_database d ON d.oid = subdbid),
  'synchronous_standby_names', current_setting('synchronous_standby_names'),
  'checksums', current_setting('data_checksums') = 'on',
  'wal_log_hints', current_setting('wal_log_hints') = 'on',
  'promoted_at', CASE WHEN NOT recovery.active THEN (SELECT to_char(modification AT TIME ZONE 'UTC',
        'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM pg_stat_file('pg_wal/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
        || '.history', true)) END,
  'bytes', (SELECT sum(pg_tablespace_size(oid))::bigint FROM pg_tablespace))
FROM (SELECT pg_is_in_recovery() AS active) recovery
"""
