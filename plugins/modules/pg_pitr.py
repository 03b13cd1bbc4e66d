#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recover a PostgreSQL server to a moment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_pitr
short_description: Recover a PostgreSQL server to a moment
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Takes the base backup that fits, and the write-ahead log (WAL) that the server archived after it, and replays it up
    to the O(target), in a copy beside the data directory.
  - The copy is in private. It has no network, archives nothing and follows nobody. Only when it stands at the target
    does it begin a timeline of its own, and take the place of O(data_directory), which is kept beside it. The server is
    left stopped.
  - It is never promoted before its target. A file of the log that lacks, or is altered, and a store that does not
    answer, end the recovery, and the data directory stays as it was.
  - Before anything is touched, the plan is made from the store. A file that lacks, a moment that is too early or too
    late, and one that two timelines hold, are named.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery_audited
  - lifeboat.recovery._attributes.progress
  - lifeboat.recovery._keys
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.cluster
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
attributes:
  check_mode:
    support: full
    details: Makes the plan, for which it reads a few segments of the log, and touches nothing.
  diff_mode:
    support: full
    details: Shows the backup, the first and the last segment, the places of tablespaces, and where the server stands.
  idempotent:
    support: none
    details: Each run recovers again, unless one with the same O(recovery_id) ended. One that was interrupted goes on in
      the same copy.
requirements:
  - psycopg >= 3
  - PostgreSQL of the same major version, with its server, on the host
  - Root, or the user who runs the server
options:
  store:
    required: true
  data_directory:
    description:
      - The data directory to recover into, such as C(/var/lib/postgresql/17/main). Its server must be stopped, but for
        check mode.
    type: path
    required: true
  owner:
    description: The user of the operating system who runs the server.
    type: str
    default: postgres
  target:
    description:
      - V(latest) recovers all that is stored, V(immediate) the moment of the backup's end.
      - Else a dictionary with one key. C(time) is a moment with its time zone, C(lsn) a position in the WAL, C(xid) a
        transaction, and C(name) what C(pg_create_restore_point(\)) was given.
    type: raw
    default: latest
  exclusive:
    description: Leave out the transaction, or the position, that is the target.
    type: bool
    default: false
  state:
    description:
      - With V(promoted) the server goes on from the target, on a timeline of its own.
      - With V(standby) it has all that is stored, begins no timeline, and is left so that it starts as a standby. Give
        it its primary with M(lifeboat.recovery.pg_standby) then. Make the slot for it before, so that the primary keeps
        what is not archived yet.
    type: str
    choices: [promoted, standby]
    default: promoted
  timeline:
    description: The timeline that holds the target. It has to be set where several do.
    type: int
  backup:
    description: The id of the base backup to begin with, in place of the newest one before the target.
    type: str
  tablespace_map:
    description:
      - Where each tablespace goes, by its name or by its directory at the source. Those that are not named go where
        they were. Each directory must be empty or absent.
    type: dict
    default: {}
  confirm:
    description:
      - To replace a data directory that is not empty, C(<version>/<cluster>@<host>), such as V(17/main@db1), or the
        path of the directory in place of version and cluster where it is not in the place that Debian gives it. The
        error without it says what to set.
    type: str
  bin_dir:
    description: The directory of PostgreSQL's programs, where it is not the usual one of the version.
    type: path
  superuser:
    description: A superuser of the server.
    default: postgres
    type: str
  config_dir:
    description:
      - Where the settings are by which the cluster archives its WAL. With it, the history of the timeline that begins
        is stored before the data directory is replaced.
    type: path
  old_wal:
    description:
      - V(use) takes what the store lacks of the log from C(pg_wal) of the O(data_directory) that is there, the last
        segment among it. A file counts only if it says of itself that it is of this server.
    type: str
    choices: [use, ignore]
    default: use
  recovery_id:
    description:
      - A name for this recovery. One that ended by this name is not repeated. The copy of one that was interrupted when
        it was ready takes its place, unless the server has run there since.
    type: str
seealso:
  - module: lifeboat.recovery.pg_basebackup
  - module: lifeboat.recovery.pg_standby
"""

EXAMPLES = r"""
- name: Recover the server to the minute before the mistake
  become: true
  lifeboat.recovery.pg_pitr:
    application: shop
    data_directory: /var/lib/postgresql/17/main
    target: {time: "2026-11-28 14:05:00+01:00"}
    confirm: 17/main@db1
    store:
      url: s3://example-backups/postgresql
      region: eu-central-1
      credentials_file: /etc/lifeboat/keys/store.credentials
    keys:
      opening_key_file: /run/lifeboat/opening.json
      roots_file: /etc/lifeboat/roots
"""

RETURN = r"""
restore:
  description:
    - What was, or in check mode would be, recovered. Keys without a value are null.
    - The keys are C(component), C(system_identifier), C(backup_id) and its C(plain_size), C(target), the C(timeline)
      along which it went, with the number of its C(segments), their C(log_bytes), the C(first_segment) and the
      C(last_segment), C(confirm), what was C(gained) from C(pg_wal) of the old server, the position that it C(reached),
      C(last_commit_at), C(heartbeat_at) of the newest heartbeat in it, what the server C(said), the C(new_timeline),
      where the old data are C(kept), C(collations) that sort otherwise on this host than where the backup was made, the
      indexes that were C(reindexed) for them, and how long it took to unpack the backup, C(seconds), and to replay the
      log, C(replay_seconds).
  returned: success
  type: dict
  sample:
    component: main/@physical
    system_identifier: "7312345678901234567"
    backup_id: backup-20261128T020000Z-0123456789abcdef
    plain_size: 41875931136
    target: time 2026-11-28 13:05:00.000000+00
    timeline: 1
    segments: 212
    log_bytes: 3556769792
    first_segment: 000000010000000A000000F1
    last_segment: 000000010000000B000000C4
    confirm: 17/main@db1
    gained: {segments: 1, last_commit_at: "2026-11-28T13:04:59.871234+00:00"}
    reached: B/C4A0B1C8
    last_commit_at: "2026-11-28T13:04:59.871234+00:00"
    heartbeat_at: "2026-11-28T13:00:01.412345+00:00"
    said: recovery stopping before commit of transaction 8812345
    new_timeline: 2
    kept: /var/lib/postgresql/17/main.before-20261128T131502Z
    reindexed: ["shop: public.customers_email_key"]
    seconds: 213.402
    replay_seconds: 71.85
summary:
  description: The result in one sentence.
  returned: success
  type: str
  sample: >-
    /var/lib/postgresql/17/main is main/@physical at B/C4A0B1C8, with all that was committed by
    2026-11-28T13:04:59.871234+00:00; it goes on as timeline 2.
"""

import platform

from ..module_utils._argspec import ArgumentSpec, cluster, repository, requested_by
from ..module_utils._engine.drivers.components.base import WHOLE_CLUSTER
from ..module_utils._engine.operations.pitr.pitr import recover
from ..module_utils._engine.operations.pitr.request import PROMOTED, STATES, PitrRequest
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "data_directory": {"type": "path", "required": True},
        "owner": {"type": "str", "default": "postgres"},
        "target": {"type": "raw", "default": "latest"},
        "state": {"type": "str", "choices": list(STATES), "default": PROMOTED},
        "exclusive": {"type": "bool", "default": False},
        "timeline": {"type": "int"},
        "backup": {"type": "str"},
        "tablespace_map": {"type": "dict", "default": {}},
        "confirm": {"type": "str"},
        "bin_dir": {"type": "path"},
        "superuser": {"type": "str", "default": "postgres"},
        "config_dir": {"type": "path"},
        "old_wal": {"type": "str", "choices": ["use", "ignore"], "default": "use"},
        "recovery_id": {"type": "str"},
    }
)


def request(given: Given) -> PitrRequest:
    """Return the options as the engine takes them."""
    return PitrRequest(
        repository=given.repository(),
        cluster=given["cluster"],
        data_directory=given["data_directory"],
        owner=given["owner"],
        host=platform.node(),
        target=given["target"],
        exclusive=given["exclusive"],
        timeline=given["timeline"],
        backup=given["backup"] or "",
        tablespaces=given["tablespace_map"],
        confirm=given["confirm"] or "",
        bin_dir=given["bin_dir"] or "",
        superuser=given["superuser"],
        wal_config=given["config_dir"] or "",
        state=given["state"],
        old_wal=given["old_wal"] == "use",
        recovery_id=given["recovery_id"] or "",
    )


def main() -> None:
    """Run the module."""
    spec = SPEC.merge(repository(), cluster(), requested_by())
    run(spec, request, recover, operation="restore", about={"login_db": WHOLE_CLUSTER})


if __name__ == "__main__":
    main()
