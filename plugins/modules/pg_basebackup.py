#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a physical backup of a PostgreSQL server: all of its files, as it runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_basebackup
short_description: Back up all files of a running PostgreSQL server into a store
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Copies the files of a whole server by its own command C(BASE_BACKUP), as the program C(pg_basebackup) does, and
    compresses, encrypts and stores them on the way. No data is written to a disk of the host.
  - Together with the write-ahead log (WAL) that the server archives, such a backup restores any later moment.
  - A backup exists when all of it is stored, the WAL that it needs included, and not before. A run that fails leaves
    nothing that is listed.
  - In the store it is the component C(<cluster>/@physical). Modules that have an option C(database) take C(@physical)
    for it.
  - The server's settings, access rules and collation versions are recorded with it; its configuration files are not
    copied where they lie outside of the data directory, as on Debian.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_all
  - lifeboat.recovery._attributes.progress
  - lifeboat.recovery._anomalies
  - lifeboat.recovery._chains
  - lifeboat.recovery._keys
  - lifeboat.recovery._postgres
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.cluster
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
attributes:
  check_mode:
    support: full
    details: Checks keys, store, server, rights and archive, and shows what it would copy. It copies nothing.
  diff_mode:
    support: full
    details: Shows what would be, or was, stored.
  idempotent:
    support: partial
    details: With O(max_age), as long as the newest backup is younger, and where O(mode=auto) makes none.
requirements:
  - psycopg >= 3
  - PostgreSQL 15 or newer as the server
  - >-
    A role with C(REPLICATION) and membership in C(pg_monitor), which C(pg_hba.conf) lets connect to C(replication).
    C(SELECT) on C(pg_hba_file_rules) and C(pg_ident_file_mappings), and C(EXECUTE) on their functions, let it record
    access rules and maps too.
options:
  store:
    required: true
  wal:
    description:
      - Where the WAL is that a restore needs. V(archive) waits until the server has archived it into the same store;
        the backup then restores any later moment that the archive reaches.
      - V(included) puts it into the backup, for a server without an archive. Such a backup restores the moment of its
        end, and no other.
    type: str
    choices: [archive, included]
    default: archive
  wal_timeout:
    description:
      - How long O(wal=archive) waits for the WAL, counted anew whenever a file of it was archived. If it does not come,
        the backup is discarded.
      - A standby ends no segment of WAL by itself. C(archive_timeout) of its primary has to be shorter than this.
    type: str
    default: 5m
  checkpoint:
    description: V(fast) begins with a checkpoint at once, V(spread) with one that spares the server and takes minutes.
    type: str
    choices: [fast, spread]
    default: fast
  max_rate:
    description: The most that the server sends a second, such as V(50MiB), from V(32KiB) to V(1GiB); V(0) is no limit.
    type: str
    default: "0"
  label:
    description: The label of the backup, in its file C(backup_label).
    type: str
    default: lifeboat
  max_age:
    description:
      - Make a backup only if the newest one is older than this, such as V(12h), V(90m) or V(7d).
      - Without this option, and with O(reason=emergency), every run makes one.
    type: str
  reason:
    description: Why the backup is made. An V(emergency) backup never counts as the latest one.
    type: str
    choices: [scheduled, manual, pre_deployment, emergency]
    default: manual
  compression:
    description: V(zstd), V(gzip) or V(none), optionally with a level after a colon.
    type: str
    default: zstd:3
  min_bytes:
    description: Refuse a backup smaller than this before compression, such as V(64MiB) or V(1GB).
    type: str
    default: "0"
  max_shrink:
    description: Refuse a backup that is smaller than the one before by more than this percentage. V(0) turns it off.
    type: int
    default: 50
  accept_shrink:
    description: Accept a smaller backup this time.
    type: bool
    default: false
seealso:
  - module: lifeboat.recovery.pg_backup
"""

EXAMPLES = r"""
- name: Back up the whole server every day
  become: true
  become_user: lifeboat
  lifeboat.recovery.pg_basebackup:
    application: shop
    max_age: 23h
    reason: scheduled
    store:
      url: s3://example-backups/postgresql
      region: eu-central-1
      credentials_file: /etc/lifeboat/keys/store.credentials
    keys:
      signer_file: /etc/lifeboat/keys/signer.json
      roots_file: /etc/lifeboat/roots

- name: Back up a server that has no archive
  lifeboat.recovery.pg_basebackup:
    application: shop
    wal: included
    store: {url: file:///srv/backups}
    keys: {recovery_key_file: /etc/lifeboat/keys/recovery.key}
"""

RETURN = r"""
backup:
  description:
    - The backup that was made, is young enough or, in check mode, would be made, then with its C(estimate) in bytes.
      All keys, with C(attempts) and C(phase_seconds), are always present; those without a value are null.
    - It restores from C(stop) on, a position in the WAL of C(timeline). C(tablespaces) are those beside the data
      directory, C(lag_seconds) the age of the last transaction that a standby has replayed.
    - C(mode) is V(full) or V(incremental), null where the archive makes another backup needless, and C(why) says why.
      C(parent) is the backup that an incremental one is based on.
  returned: success
  type: dict
  sample:
    backup_id: backup-20261120T100000Z-0123456789abcdef
    component: main/@physical
    reason: scheduled
    scope: full
    proof: files
    mode: full
    why: the newest full backup is 7d old
    parent: null
    recoverable_until: null
    wal: archive
    timeline: 1
    start: 0/3000028
    stop: 0/3000138
    started: "2026-11-20T10:00:00+00:00"
    finished: "2026-11-20T10:00:18+00:00"
    seconds: 18.2
    size: 1288490188
    plain_size: 5368709120
    members: 3
    tablespaces: 1
    checksums: true
    in_recovery: false
    lag_seconds: 0
    suspicions: []
summary:
  description: The result in one sentence.
  returned: success
  type: str
  sample: >-
    backup-20261120T100000Z-0123456789abcdef of main/@physical: 5.0 GiB of data stored as 1.2 GiB in 18 s (281 MiB/s),
    data directory and 1 tablespace, WAL in the archive.
"""

from ..module_utils._argspec import ArgumentSpec, anomalies, chains, cluster, postgres, repository, requested_by
from ..module_utils._engine.drivers.components.base import WHOLE_CLUSTER
from ..module_utils._engine.drivers.components.postgres.physical_mode import Rules
from ..module_utils._engine.drivers.components.postgres.physical_source import PhysicalSource
from ..module_utils._engine.operations.backup.backup import BackupRequest, back_up
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "wal": {"type": "str", "choices": ["archive", "included"], "default": "archive"},
        "wal_timeout": {"type": "str", "default": "5m"},
        "checkpoint": {"type": "str", "choices": ["fast", "spread"], "default": "fast"},
        "max_rate": {"type": "str", "default": "0"},
        "label": {"type": "str", "default": "lifeboat"},
        "max_age": {"type": "str"},
        "reason": {
            "type": "str",
            "choices": ["scheduled", "manual", "pre_deployment", "emergency"],
            "default": "manual",
        },
        "compression": {"type": "str", "default": "zstd:3"},
        "min_bytes": {"type": "str", "default": "0"},
        "max_shrink": {"type": "int", "default": 50},
        "accept_shrink": {"type": "bool", "default": False},
    }
)


def request(given: Given) -> BackupRequest:
    """Return the options as the engine takes them."""
    return BackupRequest(
        repository=given.repository(),
        source=PhysicalSource(
            login=given.login(),
            cluster=given["cluster"],
            checkpoint=given["checkpoint"],
            max_rate=given.size("max_rate"),
            wal=given["wal"],
            wal_timeout=given.seconds("wal_timeout") or 0.0,
            label=given["label"],
            rules=Rules(given["mode"], given.seconds("full_every") or 0.0, given["max_chain"]),
        ),
        max_age=given.seconds("max_age"),
        reason=given["reason"],
        compression=given["compression"],
        min_bytes=given.size("min_bytes"),
        max_shrink=given["max_shrink"],
        accept_shrink=given["accept_shrink"],
        thresholds=given.thresholds(),
    )


def main() -> None:
    """Run the module."""
    spec = SPEC.merge(repository(), anomalies(), chains(), cluster(), postgres(), requested_by())
    run(spec, request, back_up, operation="backup", about={"login_db": WHOLE_CLUSTER})


if __name__ == "__main__":
    main()
