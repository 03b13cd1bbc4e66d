#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write metrics about an application's backups, and return the content of a status page."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_metrics
short_description: Write metrics about an application's backups, and return the content of a status page
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Reads the catalogue, this host's audit log and its schedule, and writes a file for the textfile collector of
    Prometheus' node_exporter. docs/monitoring.md lists the metrics.
  - Role monitoring renders a status page from RV(status), a single HTML file that loads nothing.
  - With O(databases) it lists the databases of the server, and shows those without a backup. Otherwise it compares with
    those that a backup or the doctor on this host last listed, and reports if that is too long ago.
  - If the store cannot be read, the module does not fail, but reports it in a metric and a warning. The backups are
    then those that this host has recorded, as on a host that may only write to the store.
extends_documentation_fragment:
  - lifeboat.recovery._anomalies
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery_postgresql
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
    details: The diff shows the metrics.
  idempotent:
    support: full
    details: The file is written on every run, so that stale metrics can be detected. That alone is not a change.
options:
  store:
    required: true
  path:
    description:
      - The file for the metrics, whose name must end in C(.prom). Its directory must exist.
      - It is replaced atomically, and readable for everybody.
    type: path
    required: true
  cluster:
    description:
      - Limit the metrics to this PostgreSQL cluster and to databases that this host backed up or validated itself, so
        that hosts that share a store do not report the same twice. RV(status) covers the whole application.
    type: str
  databases:
    description:
      - List the databases of the server. Those that match one of these shell-style patterns should have a backup.
      - It needs O(cluster), the name of the server.
    type: list
    elements: str
  databases_exclude:
    description: Patterns of databases of the server to exclude.
    type: list
    elements: str
    default: []
  config_dir:
    description: Directory of the schedule of this host.
    type: path
    default: /etc/lifeboat
  store_capacity:
    description:
      - Capacity of the store, such as V(500GiB). The default for a local directory is the size of its file system;
        other stores have no known capacity.
    type: str
  exclude:
    description: Patterns of C(cluster/database) to exclude, such as dropped databases.
    type: list
    elements: str
    default: []
  policy:
    description:
      - The policy of retention, as in M(lifeboat.recovery.store_retention). It shows when the next backup may be
        deleted; nothing is deleted here.
    type: dict
  wal:
    description:
      - The log of the server of O(cluster) should be archived. The server is asked too; its role needs C(pg_monitor).
    type: bool
    default: false
  wal_disk_size:
    description: Size of the disk of the server's C(pg_wal), if that is linked to another one, such as V(50GiB).
    type: str
  objectives:
    description: By component C(rto), C(rpo) or both, such as V(2h) and V(15m), for metrics of recoveries.
    type: dict
  restore_tested_age:
    description: Maximum age of the newest restore-tested backup for V(yes) in RV(answer), such as V(8d).
    type: str
    default: 48h
  stale_age:
    description: How long RV(status) is valid, which is shown in it.
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
    store: {url: s3://example-backups/postgresql}
    store_capacity: 2TB
    keys: {roots_file: /etc/lifeboat/roots}
"""

RETURN = r"""
path:
  description: The file with the metrics.
  returned: success
  type: str
answer:
  description: Whether a restore would work now - V(yes), V(probably) (no recent restore test), V(no), or V(unknown).
  returned: success
  type: str
databases:
  description: The same for each database.
  returned: success
  type: list
  elements: dict
  sample:
    - {cluster: main, database: shop, answer: "yes", backups: 45,
       newest: backup-20261120T030000Z-0123456789abcdef, newest_age_seconds: 18000.0,
       newest_restore_tested: backup-20261120T030000Z-0123456789abcdef, newest_restore_tested_age_seconds: 18000.0}
status:
  description:
    - The content of a status page. All times are absolute, so that it can be read later. Texts are plain text for
      people; values for charts are numbers, too.
    - C(databases) has those with problems first. C(detailed) are all, or if there are more than six, at most six with
      problems. Their C(history) has the newest 30 backups, oldest first.
    - C(unreadable) and each C(cause) may contain hosts, paths and tables.
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
      - {cluster: main, database: shop, name: shop, answer: "yes", state: restorable, newest: "20 Nov 2026, 03:00",
         newest_restore_tested: "20 Nov 2026, 03:00", size: 1.2 GiB, stored: "310 MiB, 4.0 to 1", rows: "4,321,000",
         took: 18 s, backups: 45, all_backups: "45, 13.2 GiB", next_expiry: "20 Dec 2026, 03:00",
         suspicions: [{kind: size drop, cause: "It holds a tenth of the usual data."}], detailed: true,
         history: [{day: 20 Nov, finished: "20 Nov 2026, 03:00", bytes: 1288490188, size: 1.2 GiB, stored: 310 MiB,
                    seconds: 18.2, took: 18 s, restore_tested: true}]}
    servers: [{cluster: main, asked: "20 Nov 2026, 03:00", wanted: 3, left_out: [scratch]}]
    logs:
      - {cluster: main, state: recoverable, since: "1 Nov 2026, 03:00", until: "20 Nov 2026, 07:58", lost: 2 min,
         waiting: 0, size: 41.0 GiB, listed: "20 Nov 2026, 08:00", problems: ["000000010000000A00000010 lacks."]}
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
from ..module_utils._engine.operations.wal.watching import Archiving
from ..module_utils._engine.records.recovery import objectives
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
        "wal": {"type": "bool", "default": False},
        "wal_disk_size": {"type": "str"},
        "objectives": {"type": "dict"},
        "restore_tested_age": {"type": "str", "default": "48h"},
        "stale_age": {"type": "str", "default": "26h"},
    },
    required_by={"databases": ("cluster",)},
    required_if=[("wal", True, ("cluster",))],
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
            objectives=objectives.parse(given["objectives"] or {}),
            policy=policy.parse(given["policy"]) if given["policy"] else None,
            archiving=_archiving(given),
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


def _archiving(given: Given) -> Archiving | None:
    disk = given.size("wal_disk_size") if given["wal_disk_size"] else None
    return Archiving(given.login(), disk) if given["wal"] else None


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository(), anomalies(), postgres()), request, watch)


if __name__ == "__main__":
    main()
