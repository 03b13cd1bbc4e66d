#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make one logical backup of a PostgreSQL database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_backup
short_description: Back up a PostgreSQL database into a store
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Dumps a database from one consistent snapshot with PostgreSQL's own programs, several tables at once, and
    compresses, encrypts and stores it on the way. Nothing touches a disk of the host.
  - A backup exists when all of it is stored, and not before. A run that fails leaves nothing that is listed.
  - Roles, memberships and tablespaces go with every backup.
  - A backup that does not look like the ones before it is made all the same, and a warning says why it is suspicious.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery
  - lifeboat.recovery._attributes.progress
  - lifeboat.recovery._anomalies
  - lifeboat.recovery._keys
  - lifeboat.recovery._postgres
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.cluster
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.requirements_postgres
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
attributes:
  check_mode:
    support: full
    details:
      - Checks keys, store, server and rights, and plans the members. It dumps nothing.
  diff_mode:
    support: full
    details:
      - Shows what would be, or was, stored.
  idempotent:
    support: partial
    details:
      - With O(max_age), and as long as the newest backup is younger. Without it every run makes a backup.
options:
  store:
    required: true
  login_db:
    description: The database.
    type: str
    required: true
  max_age:
    description:
      - Make a backup only if the newest full one is older than this, such as V(12h), V(90m) or V(7d).
      - Without this option, and with O(reason=emergency), every run makes one.
    type: str
  reason:
    description: Why the backup is made. An V(emergency) backup never counts as the latest one.
    type: str
    choices: [scheduled, manual, pre_deployment, emergency]
    default: manual
  schemas:
    description: Back up only these schemas. Such a backup is partial and never counts as the latest one.
    type: list
    elements: str
  tables:
    description: Back up only these tables, as C(schema.table). Such a backup is partial too.
    type: list
    elements: str
  jobs:
    description: How many tables are dumped at once.
    type: int
    default: 2
  compression:
    description: V(zstd), V(gzip) or V(none), with a level after a colon if wanted.
    type: str
    default: zstd:3
  proof:
    description:
      - What is taken from the same snapshot to compare a restored database with. V(counts) takes the rows of each
        table and a digest of every object of the catalogue; V(content) a hash of every table's contents too, which
        costs about as much as the dump.
    type: str
    choices: [none, counts, content]
    default: counts
  proof_time_budget:
    description: How long V(content) may take, such as V(30m). Tables beyond it have counts only, which is stated.
    type: str
  min_bytes:
    description: Refuse a dump smaller than this before compression, such as V(64MiB) or V(1GB).
    type: str
    default: "0"
  max_shrink:
    description: Refuse a full dump that is smaller than the one before by more than this percentage. V(0) turns it off.
    type: int
    default: 50
  accept_shrink:
    description: Accept a smaller dump this time.
    type: bool
    default: false
  allow_empty:
    description: Accept a database without tables.
    type: bool
    default: false
  accept_warnings:
    description: Warnings of C(pg_dump) that do not fail the backup, as regular expressions found in their text.
    type: list
    elements: str
  lock_timeout:
    description: How long to wait for one table's lock before everything is given back and tried again.
    type: str
    default: 10s
seealso:
  - module: lifeboat.recovery.pg_restore
  - module: lifeboat.recovery.restore_validate
"""

EXAMPLES = r"""
- name: Back up the shop unless there is a backup of the last 12 hours
  become: true
  become_user: lifeboat
  lifeboat.recovery.pg_backup:
    application: shop
    login_db: shop
    max_age: 12h
    reason: scheduled
    store:
      url: s3://example-backups/postgresql
      region: eu-central-1
      credentials_file: /etc/lifeboat/keys/store.credentials
    keys:
      signer_file: /etc/lifeboat/keys/signer.json
      roots_file: /etc/lifeboat/roots

- name: Back up two tables before a deployment
  lifeboat.recovery.pg_backup:
    application: shop
    login_db: shop
    tables: [public.orders, public.customers]
    reason: pre_deployment
    store:
      url: file:///srv/backups
    keys:
      recovery_key_file: /etc/lifeboat/keys/recovery.key
"""

RETURN = r"""
backup:
  description: The backup that was made, or the one that is young enough. In check mode, what would be made.
  returned: success
  type: dict
  sample:
    backup_id: backup-20261120T100000Z-0123456789abcdef
    component: main/shop
    reason: scheduled
    scope: full
    proof: counts
    started: "2026-11-20T10:00:00+00:00"
    finished: "2026-11-20T10:00:18+00:00"
    seconds: 18.2
    size: 1288490188
    plain_size: 5368709120
    members: 14
    tables: 87
    rows: 31415926
    suspicions: []
summary:
  description: The same in one sentence, for a log.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, anomalies, cluster, postgres, repository, requested_by
from ..module_utils._engine.anomalies.judging import parse
from ..module_utils._engine.backups.backup import BackupRequest, back_up
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "login_db": {"type": "str", "required": True},
        "max_age": {"type": "str"},
        "reason": {
            "type": "str",
            "choices": ["scheduled", "manual", "pre_deployment", "emergency"],
            "default": "manual",
        },
        "schemas": {"type": "list", "elements": "str"},
        "tables": {"type": "list", "elements": "str"},
        "jobs": {"type": "int", "default": 2},
        "compression": {"type": "str", "default": "zstd:3"},
        "proof": {"type": "str", "choices": ["none", "counts", "content"], "default": "counts"},
        "proof_time_budget": {"type": "str"},
        "min_bytes": {"type": "str", "default": "0"},
        "max_shrink": {"type": "int", "default": 50},
        "accept_shrink": {"type": "bool", "default": False},
        "allow_empty": {"type": "bool", "default": False},
        "accept_warnings": {"type": "list", "elements": "str"},
        "lock_timeout": {"type": "str", "default": "10s"},
    }
)


def request(given: Given) -> BackupRequest:
    """Give the options as the engine takes them."""
    return BackupRequest(
        repository=given.repository(),
        login=given.login(),
        cluster=given["cluster"],
        database=given["login_db"],
        max_age=given.seconds("max_age"),
        reason=given["reason"],
        schemas=given.many("schemas"),
        tables=given.many("tables"),
        jobs=given["jobs"],
        compression=given["compression"],
        proof=given["proof"],
        proof_time_budget=given.seconds("proof_time_budget"),
        min_bytes=given.size("min_bytes"),
        max_shrink=given["max_shrink"],
        accept_shrink=given["accept_shrink"],
        allow_empty=given["allow_empty"],
        accept_warnings=given.many("accept_warnings"),
        lock_timeout=given.seconds("lock_timeout") or 0.0,
        thresholds=parse(given["anomalies"]),
    )


def main() -> None:
    """Run the module."""
    spec = SPEC.merge(repository(), anomalies(), cluster(), postgres(), requested_by())
    run(spec, request, back_up, operation="backup")


if __name__ == "__main__":
    main()
