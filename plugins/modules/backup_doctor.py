#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check that the next backup, and a restore, will work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_doctor
short_description: Check that the next backup, and a restore, will work
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Looks at a host's configuration, keys, store, PostgreSQL server, schedule and history, and says of each thing
    whether it is in order, why not, and what to do.
  - It changes nothing. That the store can be written is tried in a way that leaves nothing there.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery
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
    description: Whether there is a server here to look at. A validator may have none.
    type: bool
    default: true
  databases:
    description: Names or shell-style patterns of the databases that are backed up.
    type: list
    elements: str
    default: ["*"]
  databases_exclude:
    description: Names or patterns of those that are not.
    type: list
    elements: str
    default: []
  accept_warnings:
    description: What a backup accepts, as in M(lifeboat.recovery.pg_backup).
    type: list
    elements: str
  config_dir:
    description: Where role P(lifeboat.recovery.host#role) put keys and settings.
    type: path
    default: /etc/lifeboat
  scratch_dir:
    description: Where validation has room, if this host validates.
    type: path
  limits:
    description: When a check warns or fails.
    type: dict
    suboptions:
      backup_age:
        description: How old the newest backup of a database may be, V(48h) by default. V(0) is any age.
        type: str
      restore_tested_age:
        description: The same of the newest backup that was restored for a test; beyond it there is a warning.
        type: str
      success_rate:
        description: Percent of the last backups that must have succeeded, 80 by default.
        type: int
      storage_used:
        description: Percent of a local store's disk that may be used, 80 by default.
        type: int
      clock_skew:
        description: How far this host's clock may be from the store's, V(60s) by default. V(0) does not compare them.
        type: str
      min_recipients:
        description: How many keys must open the backups. By default two, and one with a single key.
        type: int
  checks:
    description: Make only these checks, such as V(store) and V(backup_age).
    type: list
    elements: str
  fail_on:
    description: Fail when a check has this result or a worse one.
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
  description: Every check, the worst first. One thing that is looked at may give several.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: What was looked at.
      type: str
      sample: backup_age
    result:
      description: V(ok), V(warning) or V(failed).
      type: str
    cause:
      description: How it is, in a sentence.
      type: str
      sample: The newest backup of main/shop is 3 d old, and 2 d are allowed.
    remedy:
      description: What to do about it.
      type: str
      sample: Run playbook lifeboat.recovery.backup and look at what it says.
    facts:
      description: Figures and names that belong to it.
      type: dict
counts:
  description: How many checks had each result.
  returned: always
  type: dict
  sample: {failed: 0, warning: 1, ok: 17}
table:
  description: The same as lines of text.
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
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "postgresql": {"type": "bool", "default": True},
        "databases": {"type": "list", "elements": "str", "default": ["*"]},
        "databases_exclude": {"type": "list", "elements": "str", "default": []},
        "accept_warnings": {"type": "list", "elements": "str"},
        "config_dir": {"type": "path", "default": "/etc/lifeboat"},
        "scratch_dir": {"type": "path"},
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
        thresholds=given.thresholds(),
        only=given.many("checks"),
        fail_on=given["fail_on"],
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository(), anomalies(), cluster(), postgres()), request, examine)


if __name__ == "__main__":
    main()
