#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a logical backup of a PostgreSQL database, or of several."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_backup
short_description: Back up PostgreSQL databases into a store
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Dumps a database from one consistent snapshot with PostgreSQL's own programs, several tables at once, and
    compresses, encrypts and stores it on the way. No data is written to a disk of the host.
  - A backup exists when all of it is stored, and not before. A run that fails leaves nothing that is listed.
  - Several databases of a server are backed up side by side within the O(jobs), each as if it were alone. One that
    fails stops no other; the task fails when all have ended, and its result lists those that were made, too.
  - Every backup includes roles, memberships and tablespaces.
  - A backup that differs from those before it is kept, with a warning that gives the reason.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_all
  - lifeboat.recovery._attributes.progress
  - lifeboat.recovery._anomalies
  - lifeboat.recovery._dumping
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
    details: Checks keys, store, server and rights, and plans the members. It dumps nothing.
  diff_mode:
    support: full
    details: Shows what would be, or was, stored.
  idempotent:
    support: partial
    details: With O(max_age), and as long as the newest backup is younger. Without it every run makes a backup.
options:
  store:
    required: true
  login_db:
    description: The database. One of this and O(databases) is required.
    type: str
  databases:
    description:
      - Several databases of the same server. Repeated names are ignored.
      - A large one that holds more than its part of the data is dumped alone, by all O(jobs). The others are dumped by
        one each, as many at a time as there are O(jobs), the largest first; fewer, with a warning, where a limit of the
        server or of the role leaves no sessions for so many.
    type: list
    elements: str
  maintenance_db:
    description:
      - The database to connect to for the sizes of O(databases).
      - The default is V(postgres), or V(template1) if there is none.
    type: str
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
  jobs:
    description: How many tables are dumped at once, of O(databases) together.
    type: int
    default: 2
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

- name: Back up three databases, two at a time
  lifeboat.recovery.pg_backup:
    application: shop
    databases: [shop, users, orders]
    jobs: 2
    store: {url: file:///srv/backups}
    keys: {recovery_key_file: /etc/lifeboat/keys/recovery.key}

- name: Back up two tables before a deployment
  lifeboat.recovery.pg_backup:
    application: shop
    login_db: shop
    tables: [public.orders, public.customers]
    reason: pre_deployment
    store: {url: file:///srv/backups}
    keys: {recovery_key_file: /etc/lifeboat/keys/recovery.key}
"""

RETURN = r"""
backup:
  description:
    - The backup that was made, is young enough or, in check mode, would be made, then with its C(estimate) in bytes.
      All keys, with C(attempts) and C(phase_seconds), are always present; those without a value are null.
  returned: success, with O(login_db)
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
backups:
  description:
    - For each of O(databases) that did not fail, the same as RV(backup). C(made) is true if one was, or would be, made.
  returned: with O(databases)
  type: list
  elements: dict
failures:
  description: The databases that failed, with the result that a separate task would have returned.
  returned: with O(databases)
  type: list
  elements: dict
  sample:
    - {database: orders, error: DatabaseError, cause: "The database 'orders' does not exist.",
       msg: "The database 'orders' does not exist. Correct login_db."}
table:
  description: A line for each of O(databases), those that failed first.
  returned: with O(databases)
  type: list
  elements: str
  sample:
    - orders  FAILED        -        -        -           -     The database 'orders' does not exist.
    - shop    backed up     1.2 GiB  5.0 GiB  31,415,926  18 s  backup-20261120T100000Z-0123456789abcdef
    - users   young enough  0.2 GiB  0.9 GiB  -           -     backup-20261120T030000Z-123456789abcdef0
summary:
  description: The result in one sentence.
  returned: success, and with O(databases) always
  type: str
  sample: "48 of 50 databases backed up in 3 min 12 s: 9.4 GiB of data stored as 2.1 GiB."
"""

import typing as t

from ..module_utils._argspec import ArgumentSpec, anomalies, cluster, dumping, postgres, repository, requested_by
from ..module_utils._engine.drivers.components.postgres.source import DatabaseSource
from ..module_utils._engine.operations.backup.backup import BackupRequest, back_up
from ..module_utils._engine.operations.databases.several import SeveralRequest, back_up_several
from ..module_utils._module import Given, run

if t.TYPE_CHECKING:
    from ..module_utils._engine.ground.model import Outcome, World

SPEC = ArgumentSpec(
    {
        "login_db": {"type": "str"},
        "databases": {"type": "list", "elements": "str"},
        "maintenance_db": {"type": "str"},
        "max_age": {"type": "str"},
        "reason": {
            "type": "str",
            "choices": ["scheduled", "manual", "pre_deployment", "emergency"],
            "default": "manual",
        },
        "jobs": {"type": "int", "default": 2},
    },
    required_one_of=[("login_db", "databases")],
    mutually_exclusive=[("login_db", "databases"), ("login_db", "maintenance_db")],
)


def request(given: Given) -> BackupRequest | SeveralRequest:
    """Return the options as the engine takes them."""
    each = BackupRequest(
        repository=given.repository(),
        source=source(given),
        max_age=given.seconds("max_age"),
        reason=given["reason"],
        compression=given["compression"],
        min_bytes=given.size("min_bytes"),
        max_shrink=given["max_shrink"],
        accept_shrink=given["accept_shrink"],
        thresholds=given.thresholds(),
    )
    if given["databases"] is None:
        return each
    return SeveralRequest(each, source(given), given.many("databases"), given["maintenance_db"] or "")


def source(given: Given) -> DatabaseSource:
    """Return what is to be dumped, and how."""
    return DatabaseSource(
        login=given.login(),
        cluster=given["cluster"],
        database=given["login_db"] or "",
        schemas=given.many("schemas"),
        tables=given.many("tables"),
        jobs=given["jobs"],
        proof=given["proof"],
        proof_time_budget=given.seconds("proof_time_budget"),
        allow_empty=given["allow_empty"],
        accept_warnings=given.many("accept_warnings"),
        lock_timeout=given.seconds("lock_timeout") or 0.0,
    )


def work(request: BackupRequest | SeveralRequest, world: World) -> Outcome:
    """Back up one database or several."""
    return back_up_several(request, world) if isinstance(request, SeveralRequest) else back_up(request, world)


def main() -> None:
    """Run the module."""
    spec = SPEC.merge(repository(), anomalies(), cluster(), dumping(), postgres(), requested_by())
    run(spec, request, work, operation="backup", several="databases")


if __name__ == "__main__":
    main()
