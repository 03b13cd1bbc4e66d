#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write metrics about an application's backups, and a status page."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_metrics
short_description: Write metrics about an application's backups, and a status page
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Reads the catalogue, this host's audit log and its schedule, and writes a file for the textfile collector of
    Prometheus' node_exporter. docs/monitoring.md lists the metrics.
  - It can write a status page too, one HTML file that loads nothing and names no host.
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
    details:
      - The diff is that of the metrics. The status page says the same.
  idempotent:
    support: full
    details:
      - The files are written on every run, so that a writer that died is noticed. That alone is no change.
options:
  store:
    required: true
  path:
    description:
      - The file for the metrics, whose name must end in C(.prom). Its directory must exist.
      - It is replaced as a whole, and everybody may read it.
    type: path
    required: true
  status_page:
    description: The file for the status page. Without it, none is written.
    type: path
  cluster:
    description:
      - Speak only of this PostgreSQL cluster in the metrics, and of what this host backed up or validated itself, so
        that hosts that share a store do not say the same twice. The status page is about all of the application.
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
    description: How old the newest restore-tested backup may be before the status page doubts it, such as V(8d).
    type: str
    default: 48h
  stale_age:
    description: How long the status page counts; an older one says so where scripts run.
    type: str
    default: 26h
  storage_limit:
    description: The percentage of the store's capacity from which the status page shows it in red.
    type: int
    default: 80
  causes:
    description: Show on the status page why runs failed and which tables are unusual. It may name hosts and paths.
    type: bool
    default: false
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

- name: Write a status page too, for restore tests that run every Sunday
  lifeboat.recovery.backup_metrics:
    application: shop
    path: /var/lib/lifeboat/metrics/shop.prom
    status_page: /var/lib/lifeboat/metrics/shop.html
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
status_page:
  description: The status page, if one was asked for.
  returned: success
  type: str
answer:
  description: Whether one could restore now - V(yes), V(probably) (no restore was tested lately), V(no), or V(unknown).
  returned: success
  type: str
databases:
  description: The same for each database. Ages are seconds.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: main
      database: shop
      answer: "yes"
      backups: 45
      newest: backup-20261120T030000Z-0123456789abcdef
      newest_age: 18000.0
      newest_restore_tested: backup-20261120T030000Z-0123456789abcdef
      newest_restore_tested_age: 18000.0
summary:
  description: The answer in one sentence.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, anomalies, postgres, repository
from ..module_utils._engine.anomalies.judging import parse
from ..module_utils._engine.monitoring.collecting import Server, Sources
from ..module_utils._engine.monitoring.metrics import WatchRequest, watch
from ..module_utils._engine.monitoring.style import Style
from ..module_utils._engine.retention import policy
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "path": {"type": "path", "required": True},
        "status_page": {"type": "path"},
        "cluster": {"type": "str"},
        "databases": {"type": "list", "elements": "str"},
        "databases_exclude": {"type": "list", "elements": "str", "default": []},
        "config_dir": {"type": "path", "default": "/etc/lifeboat"},
        "store_capacity": {"type": "str"},
        "exclude": {"type": "list", "elements": "str", "default": []},
        "policy": {"type": "dict"},
        "restore_tested_age": {"type": "str", "default": "48h"},
        "stale_age": {"type": "str", "default": "26h"},
        "storage_limit": {"type": "int", "default": 80},
        "causes": {"type": "bool", "default": False},
    },
    required_by={"databases": ("cluster",)},
)


def request(given: Given) -> WatchRequest:
    """Give the options as the engine takes them."""
    return WatchRequest(
        sources=Sources(
            repository=given.repository(),
            cluster=given["cluster"],
            config_dir=given["config_dir"],
            capacity=given.size("store_capacity") if given["store_capacity"] else None,
            exclude=given.many("exclude"),
            thresholds=parse(given["anomalies"]),
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
        page=given["status_page"],
        style=Style(
            restore_tested_age=given.seconds("restore_tested_age") or 0.0,
            stale_age=given.seconds("stale_age") or 0.0,
            full=given["storage_limit"] / 100,
            causes=given["causes"],
        ),
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository(), anomalies(), postgres()), request, watch)


if __name__ == "__main__":
    main()
