#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check that the next backup and restore will work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_doctor
short_description: Check that the next backup and restore will work
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Checks a host's configuration, keys, store, PostgreSQL server, schedule and history, and reports for each check the
    result, the cause and the remedy.
  - It changes nothing. Write access to the store is tested in a way that leaves nothing there.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery_postgresql
  - lifeboat.recovery._attributes.info_module
  - lifeboat.recovery._anomalies
  - lifeboat.recovery._keys
  - lifeboat.recovery._postgres
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.cluster
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.requirements_postgres
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
options:
  store:
    required: true
  postgresql:
    description: Whether the host has a server to check. A validator may have none.
    type: bool
    default: true
  databases:
    description: Names or shell-style patterns of the databases that are backed up.
    type: list
    elements: str
    default: ["*"]
  databases_exclude:
    description: Names or patterns of databases to exclude.
    type: list
    elements: str
    default: []
  accept_warnings:
    description: Accepted warnings, as in M(lifeboat.recovery.pg_backup).
    type: list
    elements: str
  config_dir:
    description: Directory where role P(lifeboat.recovery.host#role) writes keys and settings.
    type: path
    default: /etc/lifeboat
  scratch_dir:
    description: Directory for scratch clusters, if this host validates.
    type: path
  objectives:
    description: By component C(rto), C(rpo) or both, such as V(2h) and V(15m). A slower one is told.
    type: dict
  limits:
    description: Limits at which a check warns or fails.
    type: dict
    suboptions:
      backup_age:
        description: Maximum age of the newest backup of a database, V(48h) by default. V(0) is any age.
        type: str
      restore_tested_age:
        description: Maximum age of the newest restore-tested backup; beyond it there is a warning.
        type: str
      success_rate:
        description: Minimum percentage of successful runs among the last backups, 80 by default.
        type: int
      storage_used:
        description: Maximum used percentage of a local store's disk, 80 by default.
        type: int
      clock_skew:
        description:
          - Maximum difference between this host's clock and the store's, V(60s) by default. V(0) does not compare them.
        type: str
      min_recipients:
        description: Minimum number of keys that decrypt the backups. By default two, or one with a single key.
        type: int
  checks:
    description: Run only these checks, such as V(store) and V(backup_age).
    type: list
    elements: str
  fail_on:
    description: Fail if a check has this result or a worse one.
    type: str
    choices: [failed, warning, never]
    default: failed
seealso:
  - module: lifeboat.recovery.backup_info
  - module: lifeboat.recovery.backup_verify
"""

EXAMPLES = r"""
- name: Examine this host
  become: true
  become_user: lifeboat
  lifeboat.recovery.backup_doctor:
    application: shop
    store:
      url: s3://example-backups/postgresql
      credentials_file: /etc/lifeboat/keys/store.credentials
    keys:
      signer_file: /etc/lifeboat/keys/signer.json
      roots_file: /etc/lifeboat/roots
    limits:
      backup_age: 26h
  register: examined

- name: Look at the ages alone, and judge them in the play
  lifeboat.recovery.backup_doctor:
    application: shop
    checks: [backup_age, restore_tested_age]
    fail_on: never
    store:
      url: file:///srv/backups
    keys:
      recovery_key_file: /etc/lifeboat/keys/recovery.key
  register: ages
"""

RETURN = r"""
health:
  description: The worst result of all checks, V(ok), V(warning) or V(failed).
  returned: always
  type: str
  sample: warning
checks:
  description: All results, the worst first. One check may have several.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the check.
      type: str
      sample: backup_age
    result:
      description: V(ok), V(warning) or V(failed).
      type: str
    cause:
      description: The finding, in a sentence.
      type: str
      sample: The newest backup of main/shop is 3 d old; the limit is 2 d.
    remedy:
      description: What to do about it.
      type: str
      sample: Run playbook lifeboat.recovery.backup and check its messages.
    facts:
      description: Figures and names of the finding.
      type: dict
counts:
  description: Number of checks with each result.
  returned: always
  type: dict
  sample: {failed: 0, warning: 1, ok: 17}
table:
  description: The result as lines of text.
  returned: always
  type: list
  elements: str
summary:
  description: The counts in one sentence.
  returned: always
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, anomalies, cluster, postgres, repository
from ..module_utils._engine.operations.doctor.doctor import ExamineRequest, examine, limits
from ..module_utils._engine.records.recovery import objectives
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "postgresql": {"type": "bool", "default": True},
        "databases": {"type": "list", "elements": "str", "default": ["*"]},
        "databases_exclude": {"type": "list", "elements": "str", "default": []},
        "accept_warnings": {"type": "list", "elements": "str"},
        "config_dir": {"type": "path", "default": "/etc/lifeboat"},
        "scratch_dir": {"type": "path"},
        "objectives": {"type": "dict"},
        "limits": {
            "type": "dict",
            "options": {
                "backup_age": {"type": "str"},
                "restore_tested_age": {"type": "str"},
                "success_rate": {"type": "int"},
                "storage_used": {"type": "int"},
                "clock_skew": {"type": "str"},
                "min_recipients": {"type": "int"},
            },
        },
        "checks": {"type": "list", "elements": "str"},
        "fail_on": {"type": "str", "choices": ["failed", "warning", "never"], "default": "failed"},
    }
)


def request(given: Given) -> ExamineRequest:
    """Return the options as the engine takes them."""
    return ExamineRequest(
        repository=given.repository(),
        cluster=given["cluster"],
        login=given.login() if given["postgresql"] else None,
        databases=given.many("databases"),
        exclude=given.many("databases_exclude"),
        accept_warnings=given.many("accept_warnings"),
        config_dir=given["config_dir"],
        scratch_dir=given["scratch_dir"],
        limits=limits(given["limits"]),
        objectives=objectives.parse(given["objectives"] or {}),
        thresholds=given.thresholds(),
        only=given.many("checks"),
        fail_on=given["fail_on"],
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository(), anomalies(), cluster(), postgres()), request, examine)


if __name__ == "__main__":
    main()
