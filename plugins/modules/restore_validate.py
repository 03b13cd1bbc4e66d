#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test that a backup restores."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_validate
short_description: Test that a backup restores
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Restores a backup into a scratch cluster, compares it with the proof that was taken with the backup, runs your
    checks, and removes the cluster, also after a failure.
  - The scratch cluster runs in a sandbox of bubblewrap. Code in the backup reaches no process, network, socket
    or file of the host there, and all of it ends with the run.
  - With O(target_db) it restores nothing, and compares an existing database.
  - With V(@physical) for O(database) it unpacks a backup of a server's files, lets PostgreSQL compare each with the
    manifest of the backup, recovers a private copy of the server with the archived write-ahead log, and lets
    C(pg_amcheck) look at all of its tables and indexes.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery_audited
  - lifeboat.recovery._attributes.progress
  - lifeboat.recovery._checking
  - lifeboat.recovery._keys
  - lifeboat.recovery._postgres
  - lifeboat.recovery._proving
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.cluster
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.requirements_postgres
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
requirements:
  - PostgreSQL's server programs, bubblewrap and util-linux, for a scratch cluster. It needs root, and in a container
    C(CAP_SYS_ADMIN).
attributes:
  check_mode:
    support: full
    details:
      - Checks that the backup is authentic, complete and can be decrypted, and a scratch cluster can be created. For a
        physical backup also that no segment of the write-ahead log is missing.
  diff_mode:
    support: N/A
    details: It leaves nothing behind.
  idempotent:
    support: full
    details: It never reports a change.
options:
  store:
    required: true
  database:
    description: The database that was backed up, or V(@physical) for all files of the server.
    type: str
    required: true
  backup:
    description: V(latest), a backup id, or V(latest before 2026-11-20T10:00:00Z).
    type: str
    default: latest
  target_db:
    description:
      - Compare this database, to which C(login_*) connect, instead of a scratch cluster. Changes since the restore are
        differences.
    type: str
  timeout:
    description: The time limit for the scratch cluster, after which the validation fails. V(0) means no limit.
    type: str
    default: 24h
  canaries:
    description:
      - After the backup was found to be right, plant faults and require that each is found - stored bytes that are
        answered changed, while the store is only read, and changes of the data in the scratch cluster.
      - Fails if one passes unnoticed, because then the validation cannot be trusted.
    type: bool
    default: false
  accept_failed:
    description: Objects that may fail to be restored, as in M(lifeboat.recovery.pg_restore). They become notes.
    type: list
    elements: str
  scratch_dir:
    description: The directory for the data of the scratch cluster. It needs space for the whole database.
    type: path
    default: /var/lib/lifeboat-scratch
  jobs:
    description: How many tables are loaded, and indexes built, at once; for a physical backup, how many are checked.
    type: int
    default: 2
seealso:
  - module: lifeboat.recovery.pg_restore
  - module: lifeboat.recovery.pg_basebackup
"""

EXAMPLES = r"""
- name: Test that the newest backup of the shop restores
  become: true
  lifeboat.recovery.restore_validate:
    application: shop
    database: shop
    critical_tables: [{name: public.orders, minimum_rows: 1000}]
    checks:
      - name: Orders of the last day are there
        query: SELECT count(*) FROM public.orders WHERE created > now() - interval '1 day'
        minimum: 1
    store: {url: s3://example-backups/postgresql}
    keys:
      opening_key_file: /etc/lifeboat/keys/opening.json
      roots_file: /etc/lifeboat/roots

- name: Test that the newest physical backup recovers, with all of the log after it
  become: true
  lifeboat.recovery.restore_validate:
    application: shop
    database: "@physical"
    replay: all
    checks:
      - name: Orders of the last day are there
        database: shop
        query: SELECT count(*) FROM public.orders WHERE created > now() - interval '1 day'
        minimum: 1
    store: {url: s3://example-backups/postgresql}
    keys:
      opening_key_file: /etc/lifeboat/keys/opening.json
      roots_file: /etc/lifeboat/roots
"""

RETURN = r"""
validation:
  description:
    - What was compared and checked. The module fails when anything differs, a check does not pass, or a canary is
      missed.
  returned: when the backup was restored or compared
  type: dict
  contains:
    passed: {description: "Whether nothing differs, every check passed, and no canary was missed.", type: bool}
    backup_id: {description: "The backup.", type: str}
    component: {description: "The cluster and the database.", type: str}
    mode: {description: "Where it was compared, V(scratch) or V(existing).", type: str}
    proof:
      description: The level of the proof that it was compared with; V(files) for a physical backup.
      type: str
    recovered:
      description: Null unless the backup is physical.
      type: dict
      contains:
        reached: {description: "The position in the write-ahead log to which it was replayed.", type: str}
        last_commit_at: {description: "When the last transaction ended that was replayed, or null.", type: str}
        segments: {description: "How many segments were replayed.", type: int}
        timeline: {description: "The timeline along which it recovered.", type: int}
    parts:
      description:
        - Each table - C(schema), C(name), C(sort), its C(rows) and C(rows_backed_up), and C(content_equal). Empty for a
          physical backup.
      type: list
      elements: dict
    checks:
      description: Each check - C(name), C(found), C(wanted) and C(passed).
      type: list
      elements: dict
    canaries:
      description:
        - Of O(canaries), how many were C(planted) and C(found), those that were C(skipped), each with C(name) and
          C(reason), and those that were C(missed), each with C(name) and C(what) it was planted in. Null when none were
          asked for, or the backup failed before.
      type: dict
    differences: {description: "The differences, as sentences.", type: list, elements: str}
    first_difference: {description: "The first of them, or null.", type: str}
    notes: {description: "What could not be compared here, as sentences.", type: list, elements: str}
    phase_seconds: {description: "The seconds that each phase took.", type: dict}
    seconds: {description: "How long it took.", type: float}
first_difference: {description: "The first difference.", returned: when a difference made it fail, type: str}
restore_tested_mark:
  description: Whether the store has a signed mark of it. That requires a key that may sign marks, and a proof.
  returned: success, outside check mode
  type: bool
summary:
  description: The result in one sentence.
  returned: success
  type: str
"""

import typing as t

from ..module_utils._argspec import ArgumentSpec, checking, cluster, postgres, repository, requested_by
from ..module_utils._engine.drivers.components.base import WHOLE_CLUSTER
from ..module_utils._engine.drivers.components.postgres import checks
from ..module_utils._engine.drivers.components.postgres.trials import LivingTrial, ScratchTrial
from ..module_utils._engine.operations.validate.validation import ValidateRequest, validate
from ..module_utils._module import Given, run
from ..module_utils._proving import physical, proving

if t.TYPE_CHECKING:
    from ..module_utils._engine.drivers.components.base import Trial

SPEC = ArgumentSpec(
    {
        "database": {"type": "str", "required": True},
        "backup": {"type": "str", "default": "latest"},
        "target_db": {"type": "str"},
        "timeout": {"type": "str", "default": "24h"},
        "canaries": {"type": "bool", "default": False},
        "accept_failed": {"type": "list", "elements": "str"},
        "scratch_dir": {"type": "path", "default": "/var/lib/lifeboat-scratch"},
        "jobs": {"type": "int", "default": 2},
    }
)


def request(given: Given) -> ValidateRequest:
    """Return the options as the engine takes them."""
    asked, tables = given.records("checks"), given.records("critical_tables")
    unasked: tuple[str, ...] = ()
    if given["database"] == WHOLE_CLUSTER:
        parsed, unasked = checks.parse_named(asked, tables)
    else:
        parsed = checks.parse(asked, tables, given["database"])
    return ValidateRequest(
        repository=given.repository(),
        name=(given["cluster"], given["database"]),
        trial=physical(given, unasked) if given["database"] == WHOLE_CLUSTER else trial(given),
        backup=given["backup"],
        checks=parsed,
        check_timeout=given.seconds("check_timeout") or 0.0,
        canaries=given["canaries"],
    )


def trial(given: Given) -> Trial:
    """Return where the backup is proved."""
    scratch = ScratchTrial(
        directory=given["scratch_dir"],
        jobs=given["jobs"],
        timeout=given.seconds("timeout") or 0.0,
        accept_failed=given.many("accept_failed"),
    )
    return LivingTrial(given.login(), given["target_db"], scratch) if given["target_db"] else scratch


def main() -> None:
    """Run the module."""
    spec = SPEC.merge(repository(), cluster(), postgres(), checking(), proving(), requested_by())
    run(spec, request, validate, operation="validation")


if __name__ == "__main__":
    main()
