#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring back rows of a PostgreSQL database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_rescue
short_description: Bring back rows of a PostgreSQL database
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Compares tables of a living database with a backup of it, row by row, shows what is gone and what changed, and puts
    these rows back, in one transaction, while the database goes on living.
  - The backup is restored into a scratch cluster in a sandbox of bubblewrap, without a network, and compared with the
    proof that was taken with it. With O(target), the whole server recovers there. All of it is removed at the end.
  - Until something is changed, no code of a table's owner runs on the living server. Then its triggers, checks and
    defaults run with the rights of that owner and no others.
  - The rows are told apart by a primary key. What cannot be told apart from changed rows, such as a column of another
    type, is refused by its name.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_all
  - lifeboat.recovery._attributes.progress
  - lifeboat.recovery._anomalies
  - lifeboat.recovery._keys
  - lifeboat.recovery._moment
  - lifeboat.recovery._postgres
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.cluster
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.requirements_postgres
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
requirements:
  - PostgreSQL's server programs, bubblewrap and util-linux, for the scratch cluster. It needs root, and in a container
    C(CAP_SYS_ADMIN).
attributes:
  check_mode:
    support: full
    details: Compares, and shows what would be done and the O(confirm) that it needs.
  diff_mode:
    support: full
    details: Shows how many rows are gone and have changed, and the keys of the first ones.
  idempotent:
    support: full
    details: When the rows are as they were, it changes nothing and needs no O(confirm).
options:
  store:
    required: true
  database:
    description: The database that was backed up.
    type: str
    required: true
  tables:
    description:
      - The tables, as C(schema.table). Parents and children of a foreign key are brought back in the order that it
        needs, whatever their order here.
      - Partitions are tables of their own. Views and partitioned tables are rejected.
    type: list
    elements: str
    required: true
  backup:
    description: V(latest), a backup id, or V(latest before 2026-11-20T10:00:00Z). With O(target), the id of the
      physical backup to begin with; V(latest) is the newest one before it.
    type: str
    default: latest
  target_db:
    description: The living database, where its name is not that of O(database).
    type: str
  os_user:
    description:
      - The user of the operating system as whom the living database is connected to, for servers that ask for it (peer
        authentication).
    type: str
  unique_keys:
    description:
      - For tables without a primary key, the name of a unique key by which rows are told apart, by the name of the
        table. None of its columns may be nullable.
    type: dict
    default: {}
  where:
    description:
      - Which rows are meant, as a condition of SQL on the columns of the table, by the name of the table. It counts on
        both sides, and is evaluated in the sandbox.
    type: dict
    default: {}
  deletes:
    description: V(report) only counts the rows that the backup has not; V(apply) deletes them.
    type: str
    choices: [report, apply]
    default: report
  triggers:
    description:
      - V(off) disables the tables' own triggers for the transaction, so that the rows become what they were. Foreign
        keys are checked nevertheless.
      - With V(on), what triggers change of the rows is a warning, and what they keep away ends the rescue.
    type: str
    choices: ["on", "off"]
    default: "on"
  confirm:
    description:
      - What the check mode, or the error without it, shows. It names each table with the numbers of rows that are gone,
        changed, and only there now, and a digest of all of these rows. When one of them changes, another one is needed.
    type: str
  show_rows:
    description: Whether the result and the diff have the values of rows too, not only their keys.
    type: bool
    default: false
  timeout:
    description: The time limit for the scratch cluster. V(0) means no limit.
    type: str
    default: 24h
  scratch_dir:
    description: The directory for the scratch cluster, and for sorting rows. It needs space for the tables three times.
    type: path
    default: /var/lib/lifeboat-scratch
  jobs:
    description: How many tables are loaded, and indexes built, at once.
    type: int
    default: 2
  reason:
    description: Reason for the rescue, as free text, for the audit log, its reports and the notifications.
    type: str
  loan:
    description:
      - The socket of M(lifeboat.recovery.restore_loan). Over it superuser rights are requested right before something
        is changed, and returned afterwards. Without them O(login_user) must own the tables.
    type: path
seealso:
  - module: lifeboat.recovery.pg_restore
  - module: lifeboat.recovery.restore_loan
"""

EXAMPLES = r"""
- name: See which orders are gone since the night
  become: true
  lifeboat.recovery.pg_rescue: &rescue
    application: shop
    database: shop
    tables: [public.customers, public.orders]
    backup: latest before 2026-11-28T04:00:00Z
    store:
      url: s3://example-backups/postgresql
    keys:
      opening_key_file: /run/lifeboat/opening.json
      roots_file: /etc/lifeboat/roots
  check_mode: true

- name: Bring them back
  become: true
  lifeboat.recovery.pg_rescue:
    <<: *rescue
    confirm: public.customers@5+0+1,public.orders@15+3+0#1f2e3d4c
"""

RETURN = r"""
restore:
  description:
    - What was, or in check mode would be, brought back. Keys without a value are null.
    - The keys are C(component), C(backup_id), the C(moment), the database C(target), the tables C(chosen), C(deletes),
      C(triggers), how many C(rows) would change, C(sequences) that would be set forward with their values, C(confirm),
      C(phase_seconds), the tables as they were C(compared), and as they were C(left) afterwards.
    - Each of these tables has C(table), the columns of its C(key), C(inserts), C(updates) and C(deletes), in how many
      rows each of the C(columns_changed) differs, the columns that were C(left_out) as the table has them no more,
      those that were C(added) since, and of each kind the C(first) 20 rows.
  returned: success, and when O(confirm) is missing
  type: dict
preview:
  description: The comparison, as lines for people.
  returned: when O(confirm) is missing
  type: list
  elements: str
confirm:
  description: The confirmation that is needed.
  returned: when O(confirm) is missing
  type: str
summary:
  description: The result in one sentence.
  returned: success
  type: str
  sample: >-
    20 rows were put back, 3 rows were changed back, as in backup-20261128T020000Z-0123456789abcdef.
"""

from ..module_utils._argspec import ArgumentSpec, anomalies, cluster, postgres, repository, requested_by
from ..module_utils._engine.drivers.components.postgres.trials import ScratchTrial
from ..module_utils._engine.operations.rescue.request import RescueRequest
from ..module_utils._engine.operations.rescue.rescue import rescue
from ..module_utils._module import Given, run
from ..module_utils._moment import moment, standing

SPEC = ArgumentSpec(
    {
        "database": {"type": "str", "required": True},
        "tables": {"type": "list", "elements": "str", "required": True},
        "backup": {"type": "str", "default": "latest"},
        "target_db": {"type": "str"},
        "os_user": {"type": "str"},
        "unique_keys": {"type": "dict", "default": {}, "no_log": False},
        "where": {"type": "dict", "default": {}},
        "deletes": {"type": "str", "choices": ["report", "apply"], "default": "report"},
        "triggers": {"type": "str", "choices": ["on", "off"], "default": "on"},
        "confirm": {"type": "str"},
        "show_rows": {"type": "bool", "default": False},
        "timeout": {"type": "str", "default": "24h"},
        "scratch_dir": {"type": "path", "default": "/var/lib/lifeboat-scratch"},
        "jobs": {"type": "int", "default": 2},
        "reason": {"type": "str"},
        "loan": {"type": "path"},
    }
)


def request(given: Given) -> RescueRequest:
    """Return the options as the engine takes them."""
    return RescueRequest(
        repository=given.repository(),
        cluster=given["cluster"],
        database=given["database"],
        login=given.login(),
        tables=given.many("tables"),
        backup=given["backup"],
        target_db=given["target_db"] or "",
        os_user=given["os_user"] or "",
        unique=given.texts("unique_keys"),
        where=given.texts("where"),
        deletes=given["deletes"],
        triggers=given["triggers"],
        confirm=given["confirm"] or "",
        show_rows=given["show_rows"],
        loan=given["loan"] or "",
        moment=moment(given),
        trial=ScratchTrial(directory=given["scratch_dir"], jobs=given["jobs"], timeout=given.seconds("timeout") or 0.0),
        thresholds=given.thresholds(),
    )


def main() -> None:
    """Run the module."""
    spec = SPEC.merge(repository(), anomalies(), cluster(), postgres(), requested_by(), standing())
    run(spec, request, rescue, operation="restore")


if __name__ == "__main__":
    main()
