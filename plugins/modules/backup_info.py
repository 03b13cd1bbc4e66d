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
  - Reads the catalogue of a store. It lists only backups whose record is authentic and whose files are all there.
  - Whatever is not so, and whatever this host remembers making and does not find, is an anomaly and a warning.
  - A database that the server has and that has no backup is a warning too. The server's databases are those that it
    told when a backup, the doctor or the metrics on this host last asked; where that is too long ago, it is said.
  - A backup that does not look like the ones before it is marked as suspicious with the reasons; there is a warning
    when the newest one is. The figures come from this host's own memory, or where a key opens the backups from their
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
    description: A JMESPath expression over RV(backups); what it gives is RV(matches).
    type: str
  clean:
    description: List only backups that are not suspicious.
    type: bool
    default: false
  limit:
    description:
      - How many backups of each database RV(table) shows, the newest; V(0) means all. It limits nothing else.
      - By default, all of one database, and three of each of several.
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
      restore_tested: true
      restore_tested_at: "2026-11-20T12:30:00+00:00"
      pinned: false
      held: false
      suspicions: []
count:
  description: How many there are.
  returned: success
  type: int
latest:
  description: The newest full backup of each component that is no emergency backup, by component.
  returned: success
  type: dict
clean:
  description: The same, of those that are not suspicious.
  returned: success
  type: dict
passed_over:
  description:
    - By database, the backups that came after its latest one and cannot be had, since they are damaged or gone.
    - Where it names one with C(certain), M(lifeboat.recovery.pg_restore) does not take C(latest) and asks for an id.
  returned: success
  type: dict
matches:
  description: What O(query) gives.
  returned: when O(query) is set
  type: raw
anomalies:
  description: What is not as it must be.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: What kind of anomaly it is.
      type: str
      sample: missing
    name:
      description: The backup or the object.
      type: str
    cause:
      description: What is wrong, in a sentence.
      type: str
    component:
      description: The database whose backup it spoils; empty when that is not known.
      type: str
      sample: main/shop
missing:
  description: The databases of the servers that should have a backup, and have none that counts as the latest.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: main
      database: orders
compared:
  description: Whether this is known of every cluster that is listed.
  returned: success
  type: bool
table:
  description: The same as lines of text, by database, those in trouble first.
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
