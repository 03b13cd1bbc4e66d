#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the backups of an application."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
short_description: List the backups of an application
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Reads the catalogue of a store. It lists only backups with an authentic record and all files.
  - Other backups, and backups of this host that are missing in the store, are reported in RV(problems) and as warnings.
  - A database of the server without a backup is a warning, too. The server's databases are those that a backup, the
    doctor or the metrics on this host last listed; if that is too long ago, it is reported.
  - A backup that does not look like the ones before it is marked as suspicious with the reasons; there is a warning if
    the newest one is. The figures come from this host's own records or, if a key decrypts the backups, from their
    encrypted records; without either, only sizes are compared.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery
  - lifeboat.recovery._attributes.info_module
  - lifeboat.recovery._anomalies
  - lifeboat.recovery._keys
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
requirements:
  - jmespath (only with O(query))
options:
  store:
    required: true
  cluster:
    description: List only backups of this PostgreSQL cluster.
    type: str
  database:
    description: List only backups of this database. It needs O(cluster).
    type: str
  as_of:
    description: List only backups that had finished before then, such as V(2026-11-20T10:00:00Z).
    type: str
  query:
    description: A JMESPath expression over RV(backups); its result is RV(matches).
    type: str
  clean:
    description: List only backups that are not suspicious.
    type: bool
    default: false
  limit:
    description:
      - Number of the newest backups of each database in RV(table); V(0) means all. It limits nothing else.
      - By default, all for one database, and three for each of several.
    type: int
"""

EXAMPLES = r"""
- name: List what can be restored
  lifeboat.recovery.backup_info:
    application: shop
    store:
      url: s3://example-backups/postgresql
    keys:
      roots_file: /etc/lifeboat/roots
  register: catalogue

- name: Find the last backup before something went wrong
  lifeboat.recovery.backup_info:
    application: shop
    clean: true
    store:
      url: s3://example-backups/postgresql
    keys:
      opening_key_file: /etc/lifeboat/keys/opening.json
      roots_file: /etc/lifeboat/roots
  register: trustworthy

- name: Find the manual backups of one database
  lifeboat.recovery.backup_info:
    application: shop
    cluster: main
    database: shop
    query: "[?reason=='manual'].backup_id"
    store:
      url: file:///srv/backups
    keys:
      recovery_key_file: /etc/lifeboat/keys/recovery.key
"""

RETURN = r"""
backups:
  description: The backups, oldest first. Sizes are bytes, times are UTC.
  returned: success
  type: list
  elements: dict
  sample:
    - backup_id: backup-20261120T100000Z-0123456789abcdef
      component: main/shop
      cluster: main
      database: shop
      kind: logical
      scope: full
      reason: scheduled
      proof: counts
      started: "2026-11-20T10:00:00+00:00"
      finished: "2026-11-20T10:00:18+00:00"
      seconds: 18.2
      size: 1288490188
      plain_size: 5368709120
      files: 6
      recipients: [1f0c2a7be95d4438]
      versions: {pg_dump: "15.18", server: "15.18"}
      restore_tested: true
      restore_tested_at: "2026-11-20T12:30:00+00:00"
      pinned: false
      held: false
      suspicions: []
count:
  description: Their number.
  returned: success
  type: int
latest:
  description: The newest full backup of each component, except emergency backups, by component.
  returned: success
  type: dict
clean:
  description: The same among backups that are not suspicious.
  returned: success
  type: dict
passed_over:
  description:
    - By database, the backups that are newer than its latest one but unusable, because they are corrupted or missing,
      each with C(backup_id), C(cause) and C(certain).
    - If one is C(certain), M(lifeboat.recovery.pg_restore) does not accept C(latest) and requires an id.
  returned: success
  type: dict
matches:
  description: The result of O(query).
  returned: when O(query) is set
  type: raw
problems:
  description: Problems in the store.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: The kind of the problem.
      type: str
      sample: missing
    name:
      description: The backup or the object.
      type: str
    cause:
      description: The problem, in a sentence.
      type: str
    component:
      description: The affected database; empty if it is unknown.
      type: str
      sample: main/shop
missing:
  description: The databases of the servers that are selected for backups, and have none that counts as the latest.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: main
      database: orders
compared:
  description: Whether this is known for every listed cluster; never with O(as_of).
  returned: success
  type: bool
logs:
  description:
    - The archived write-ahead logs of the physical backups that are listed, and from when to when each recovers to any
      moment, null for nowhere; never with O(as_of).
    - C(problems) are sentences.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: main
      system_identifier: "7312345678901234567"
      recoverable_from: "2026-11-13T02:04:40+00:00"
      recoverable_until: "2026-11-20T07:58:01+00:00"
      problems: []
table:
  description: The result as lines of text, by database, those with problems first.
  returned: success
  type: list
  elements: str
"""

from ..module_utils._argspec import ArgumentSpec, anomalies, repository
from ..module_utils._engine.operations.list.listing import ListRequest, list_backups
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "cluster": {"type": "str"},
        "database": {"type": "str"},
        "as_of": {"type": "str"},
        "query": {"type": "str"},
        "clean": {"type": "bool", "default": False},
        "limit": {"type": "int"},
    },
    required_by={"database": ("cluster",)},
)


def request(given: Given) -> ListRequest:
    """Return the options as the engine takes them."""
    return ListRequest(
        repository=given.repository(),
        cluster=given["cluster"],
        database=given["database"],
        as_of=given.time("as_of"),
        query=given["query"],
        clean=given["clean"],
        limit=given["limit"],
        thresholds=given.thresholds(),
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository(), anomalies()), request, list_backups)


if __name__ == "__main__":
    main()
