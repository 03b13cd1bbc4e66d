#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write metrics about an application's backups, and tell what a status page shows."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_metrics
short_description: Write metrics about an application's backups, and tell what a status page shows
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Reads the catalogue, this host's audit log and its schedule, and writes a file for the textfile collector of
    Prometheus' node_exporter. docs/monitoring.md lists the metrics.
  - Role monitoring makes a status page of RV(status), one HTML file that loads nothing.
  - With O(databases) it asks the server which databases it has, and shows those that have no backup. Without, it
    compares with what the server last told a backup or the doctor on this host, and says where that is too long ago.
  - A store that cannot be read is no failure of the module but one of the metrics, and a warning. The backups are then
    those that this host remembers making, as on a host that may only write to the store.
extends_documentation_fragment:
  - lifeboat.recovery._anomalies
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery
  - lifeboat.recovery._keys
  - lifeboat.recovery._postgres
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: The diff is that of the metrics.
  idempotent:
    support: full
    details: The file is written on every run, so that a writer that died is noticed. That alone is no change.
options:
  store:
    required: true
  path:
    description:
      - The file for the metrics, whose name must end in C(.prom). Its directory must exist.
      - It is replaced as a whole, and everybody may read it.
    type: path
    required: true
  cluster:
    description:
      - Speak only of this PostgreSQL cluster in the metrics, and of what this host backed up or validated itself, so
        that hosts that share a store do not say the same twice. RV(status) is about all of the application.
    type: str
  databases:
    description:
      - Ask the server which databases it has. Those that fit one of these shell-style patterns should have a backup.
      - It needs O(cluster), the name that the server goes by.
    type: list
    elements: str
  databases_exclude:
    description: Patterns of the databases of the server that need none.
    type: list
    elements: str
    default: []
  config_dir:
    description: Where the schedule of this host lies, if it has one.
    type: path
    default: /etc/lifeboat
  store_capacity:
    description:
      - What may lie in the store, such as V(500GiB). A store in a local directory has the room of its file system
        without it, and of other stores nobody knows how full they are.
    type: str
  exclude:
    description: Patterns of C(cluster/database) that are left out, such as databases that were dropped on purpose.
    type: list
    elements: str
    default: []
  policy:
    description:
      - The policy by which retention deletes backups, as M(lifeboat.recovery.store_retention) takes it. It tells when
        the next one may go; nothing is deleted here.
    type: dict
  restore_tested_age:
    description: How old the newest restore-tested backup may be before it is doubted in RV(answer), such as V(8d).
    type: str
    default: 48h
  stale_age:
    description: How long RV(status) counts; it says until when.
    type: str
    default: 26h
"""

EXAMPLES = r"""
- name: Write metrics for the node_exporter of this host
  lifeboat.recovery.backup_metrics:
    application: shop
    cluster: main
    path: /var/lib/lifeboat/metrics/shop.prom
    login_unix_socket: /var/run/postgresql
    databases: ["*"]
    store:
      url: s3://example-backups/postgresql
    store_capacity: 2TB
    keys:
      roots_file: /etc/lifeboat/roots

- name: Doubt what was not restored in a week, for tests that run every Sunday
  lifeboat.recovery.backup_metrics:
    application: shop
    path: /var/lib/lifeboat/metrics/shop.prom
    restore_tested_age: 8d
    store:
      url: file:///srv/backups
    keys:
      recovery_key_file: /etc/lifeboat/keys/recovery.key
"""

RETURN = r"""
path:
  description: The file with the metrics.
  returned: success
  type: str
answer:
  description: Whether one could restore now - V(yes), V(probably) (no restore was tested lately), V(no), or V(unknown).
  returned: success
  type: str
databases:
  description: The same for each database.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: main
      database: shop
      answer: "yes"
      backups: 45
      newest: backup-20261120T030000Z-0123456789abcdef
      newest_age_seconds: 18000.0
      newest_restore_tested: backup-20261120T030000Z-0123456789abcdef
      newest_restore_tested_age_seconds: 18000.0
status:
  description:
    - What a status page shows. Everything is dated, so that it can be read later. Texts are for people and no markup;
      what a chart needs is a number too.
    - C(databases) has those in trouble first. C(detailed) are all, or of more than six, at most six in trouble.
      Their C(history) has the newest 30 backups, oldest first.
    - C(unreadable) and each C(cause) may name hosts, paths and tables.
  returned: success
  type: dict
  sample:
    application: shop
    written: {text: "20 Nov 2026, 08:00", time: "2026-11-20T08:00:00+00:00", seconds: 1795161600}
    until: {text: "21 Nov 2026, 10:00", time: "2026-11-21T10:00:00+00:00", seconds: 1795255200}
    answer: "yes"
    sentence: "Yes. shop could be restored: its newest restore-tested backup is from 20 Nov 2026, 03:00 UTC."
    unreadable: ""
    problems: ["Of backup-20261119T030000Z-0123456789abcdef the manifest is missing."]
    databases:
      - cluster: main
        database: shop
        name: shop
        answer: "yes"
        state: restorable
        newest: "20 Nov 2026, 03:00"
        newest_restore_tested: "20 Nov 2026, 03:00"
        size: 1.2 GiB
        stored: 310 MiB, 4.0 to 1
        rows: "4,321,000"
        took: 18 s
        backups: 45
        all_backups: 45, 13.2 GiB
        next_expiry: "20 Dec 2026, 03:00"
        suspicions: [{kind: size drop, cause: "It holds a tenth of the usual data."}]
        detailed: true
        history:
          - {day: 20 Nov, finished: "20 Nov 2026, 03:00", bytes: 1288490188, size: 1.2 GiB, stored: 310 MiB,
             seconds: 18.2, took: 18 s, restore_tested: true}
    servers: [{cluster: main, asked: "20 Nov 2026, 03:00", wanted: 3, left_out: [scratch]}]
    store: {size: 13.2 GiB, objects: 412, used: 0.53, capacity: 100 GiB, available: 47.0 GiB}
    jobs: [{name: noon, late: false, due: "19 Nov 2026, 12:00", last: "19 Nov 2026, 12:01", next: "20 Nov 2026, 12:00"}]
    runs:
      - {operation: backup, of: main/shop, result: failed, cause: "The disk is full.", ended: "20 Nov 2026, 03:00",
         took: 18 s, lately: 6 of 7 ok}
summary:
  description: The answer in one sentence.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, anomalies, postgres, repository
from ..module_utils._engine.operations.monitor.collecting import Server, Sources
from ..module_utils._engine.operations.monitor.metrics import WatchRequest, watch
from ..module_utils._engine.records.retention import policy
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "path": {"type": "path", "required": True},
        "cluster": {"type": "str"},
        "databases": {"type": "list", "elements": "str"},
        "databases_exclude": {"type": "list", "elements": "str", "default": []},
        "config_dir": {"type": "path", "default": "/etc/lifeboat"},
        "store_capacity": {"type": "str"},
        "exclude": {"type": "list", "elements": "str", "default": []},
        "policy": {"type": "dict"},
        "restore_tested_age": {"type": "str", "default": "48h"},
        "stale_age": {"type": "str", "default": "26h"},
    },
    required_by={"databases": ("cluster",)},
)


def request(given: Given) -> WatchRequest:
    """Return the options as the engine takes them."""
    return WatchRequest(
        sources=Sources(
            repository=given.repository(),
            cluster=given["cluster"],
            config_dir=given["config_dir"],
            capacity=given.size("store_capacity") if given["store_capacity"] else None,
            exclude=given.many("exclude"),
            thresholds=given.thresholds(),
            policy=policy.parse(given["policy"]) if given["policy"] else None,
            server=Server(
                login=given.login(),
                cluster=given["cluster"],
                include=given.many("databases"),
                exclude=given.many("databases_exclude"),
            )
            if given["databases"]
            else None,
        ),
        path=given["path"],
        restore_tested_age=given.seconds("restore_tested_age") or 0.0,
        stale_age=given.seconds("stale_age") or 0.0,
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository(), anomalies(), postgres()), request, watch)


if __name__ == "__main__":
    main()
