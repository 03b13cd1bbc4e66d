#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore a backup into a PostgreSQL database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_restore
short_description: Restore a backup into a PostgreSQL database
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Restores a backup that M(lifeboat.recovery.pg_backup) made, or chosen tables of it.
  - All preconditions are checked before anything is changed. A restore that fails leaves the target as it was, except
    with O(strategy=in_place).
  - A restore trusts everybody who could create objects in the source, since their functions run with the rights of
    O(login_user). Use M(lifeboat.recovery.restore_validate) on backups of a database that is not trusted.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_all
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
    details: Checks all preconditions and reports what would be done. It restores nothing.
  diff_mode:
    support: full
    details: Shows which database is, or would be, replaced by which.
  idempotent:
    support: partial
    details: With O(recovery_id), a restore that was done with the same id is not repeated.
options:
  store:
    required: true
  database:
    description: The database that was backed up.
    type: str
    required: true
  backup:
    description: V(latest), a backup id, or V(latest before 2026-11-20T10:00:00Z).
    type: str
    default: latest
  target_db:
    description:
      - The database to restore into. The default is the name of O(database), or with O(tables) a new database whose
        name is that of O(database), C(_tables_) and the time.
    type: str
  tables:
    description:
      - Restore only these tables, as C(schema.table), with their keys, indexes, sequences, defaults and triggers.
      - The database O(target_db) is created if it does not exist. In an existing database nothing is replaced, and
        tables that exist are rejected.
    type: list
    elements: str
  strategy:
    description:
      - V(swap) restores beside the target, validates, and then swaps the two by renaming. The old database is kept.
      - V(in_place) is for disks that cannot hold both. It needs a backup of the target first; see O(emergency_backup).
      - With V(in_place), the credentials of O(store) must be able to write below C(marks/), to let retention know what
        is being read, or the backup must be pinned.
    type: str
    choices: [swap, in_place]
    default: swap
  confirm:
    description: C(database@host), required if the target contains data. Without it, the error contains the exact token.
    type: str
  emergency_backup:
    description:
      - How the data of the target is saved. V(auto) keeps the old database with O(strategy=swap), and makes a
        backup first with O(strategy=in_place). V(required) makes a backup always, and V(off) never.
    type: str
    choices: [auto, required, "off"]
    default: auto
  force_disconnect:
    description: End the sessions that use the target.
    type: bool
    default: false
  jobs:
    description: How many tables are loaded, and indexes built, at once.
    type: int
    default: 2
  accept_failed:
    description:
      - Objects whose creation may fail without blocking the swap, with the names from the error message, such as
        C(VIEW public totals), C(INDEX public orders_idx), or C(TABLE DATA public orders) for the rows of a table.
      - Objects that depend on them are skipped too, and are reported.
    type: list
    elements: str
  reason:
    description: Reason for the restore, as free text, for the audit log, its reports and the notifications.
    type: str
  roles:
    description:
      - Which missing roles of the source are created, with their passwords, settings and memberships. Existing roles
        are never altered.
      - V(needed) creates those that the database refers to, as owner, in grants, policies or settings, and the members
        of those. V(all) creates all of the source's cluster. V(none) creates none, and fails if one is needed.
      - In a backup without a record of the needed roles, all are needed.
    type: str
    choices: [needed, all, none]
    default: needed
  role_privileges:
    description:
      - Which privileges on the whole server a created role gets, of those that it had in the source and that
        O(login_user) may grant. By default it gets none, and withheld privileges are reported.
      - V(superuser), V(createrole), V(createdb), V(replication), V(bypassrls), or the name of a predefined role of
        PostgreSQL, such as V(pg_read_all_data), for membership in it. V(superuser) includes all others.
      - Without this option, a created role does not become a member of an existing role with such a privilege, either.
    type: list
    elements: str
  recovery_id:
    description: A name for this recovery. If the restore was done with the same name, a rerun changes nothing.
    type: str
  validate:
    description: Compare the restored database with the backup's proof before it takes its place.
    type: bool
    default: true
  loan:
    description:
      - The socket of M(lifeboat.recovery.restore_loan). Over it the restore requests superuser rights right before it
        changes something, and returns them afterwards.
    type: path
seealso:
  - module: lifeboat.recovery.pg_backup
  - module: lifeboat.recovery.restore_loan
  - module: lifeboat.recovery.restore_validate
"""

EXAMPLES = r"""
- name: Restore the newest backup of the shop
  lifeboat.recovery.pg_restore:
    application: shop
    database: shop
    confirm: shop@db1
    force_disconnect: true
    recovery_id: incident-42
    reason: A deployment emptied table orders
    ticket: INC-42
    store:
      url: s3://example-backups/postgresql
    keys:
      opening_key_file: /run/lifeboat/opening.json
      roots_file: /etc/lifeboat/roots

- name: Restore yesterday's orders beside the live database
  lifeboat.recovery.pg_restore:
    application: shop
    database: shop
    backup: latest before 2026-11-20T00:00:00Z
    target_db: shop_yesterday
    store:
      url: file:///srv/backups
    keys:
      recovery_key_file: /etc/lifeboat/keys/recovery.key
"""

RETURN = r"""
restore:
  description:
    - What was, or in check mode would be, restored, and into which database. Keys without a value are null.
    - The keys are C(backup_id), C(component), C(target), C(plain_size) in bytes, C(kept), C(confirm),
      C(emergency_backup_id), C(recovery_id), C(proved), C(finished), C(estimate_seconds), C(seconds),
      C(seconds_until_usable), C(phase_seconds) and C(dropped_leftovers). For a whole database also C(strategy),
      C(table_bytes), what C(stays) with the old one, and C(roles), with those C(created), the privileges C(withheld),
      as sentences, and those C(left_out). For tables, those C(chosen), what goes C(along), and what is C(left_out).
  returned: success
  type: dict
summary:
  description: The result in one sentence.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, anomalies, cluster, postgres, repository, requested_by
from ..module_utils._engine.drivers.components.postgres.database_target import DatabaseTarget
from ..module_utils._engine.drivers.components.postgres.role_choice import Wish
from ..module_utils._engine.operations.restore.restore import RestoreRequest, restore
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "database": {"type": "str", "required": True},
        "backup": {"type": "str", "default": "latest"},
        "target_db": {"type": "str"},
        "tables": {"type": "list", "elements": "str"},
        "strategy": {"type": "str", "choices": ["swap", "in_place"], "default": "swap"},
        "confirm": {"type": "str"},
        "emergency_backup": {"type": "str", "choices": ["auto", "required", "off"], "default": "auto"},
        "force_disconnect": {"type": "bool", "default": False},
        "jobs": {"type": "int", "default": 2},
        "accept_failed": {"type": "list", "elements": "str"},
        "reason": {"type": "str"},
        "roles": {"type": "str", "choices": ["needed", "all", "none"], "default": "needed"},
        "role_privileges": {"type": "list", "elements": "str"},
        "recovery_id": {"type": "str"},
        "validate": {"type": "bool", "default": True},
        "loan": {"type": "path"},
    }
)


def request(given: Given) -> RestoreRequest:
    """Return the options as the engine takes them."""
    return RestoreRequest(
        repository=given.repository(),
        target=DatabaseTarget(
            login=given.login(),
            cluster=given["cluster"],
            database=given["database"],
            host=given.server_host(),
            target_db=given["target_db"],
            tables=given.many("tables"),
            strategy=given["strategy"],
            force_disconnect=given["force_disconnect"],
            jobs=given["jobs"],
            accept_failed=given.many("accept_failed"),
            roles=Wish(given["roles"], given.many("role_privileges")),
        ),
        backup=given["backup"],
        confirm=given["confirm"] or "",
        emergency_backup=given["emergency_backup"],
        recovery_id=given["recovery_id"] or "",
        validate=given["validate"],
        loan=given["loan"] or "",
        thresholds=given.thresholds(),
    )


def main() -> None:
    """Run the module."""
    spec = SPEC.merge(repository(), anomalies(), cluster(), postgres(), requested_by())
    run(spec, request, restore, operation="restore")


if __name__ == "__main__":
    main()
