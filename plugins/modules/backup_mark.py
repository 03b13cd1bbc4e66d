#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pin a backup or put it on hold, so that retention keeps it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_mark
short_description: Pin a backup or put it on hold, so that retention keeps it
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Sets or removes a mark on a backup. A marked backup is never deleted by a policy.
  - A mark is a small signed object beside the backup. Removing it adds another one, so that both are kept.
  - It is not a lock of the store. Anyone who may delete objects there can still delete the backup.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery_audited
  - lifeboat.recovery._keys
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.cluster
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  store:
    required: true
  database:
    description: The database of the backup.
    type: str
    required: true
  backup:
    description: A backup id, V(latest), or V(latest before 2026-11-20T10:00:00Z).
    type: str
    required: true
  kind:
    description: V(pinned) for a backup to keep, V(hold) for a legal hold.
    type: str
    choices: [pinned, hold]
    default: pinned
  state:
    description: Whether the mark is set.
    type: str
    choices: [present, absent]
    default: present
  reason:
    description: The reason, in one sentence. It is stored in the mark, which is not encrypted.
    type: str
    default: ""
seealso:
  - module: lifeboat.recovery.store_retention
  - module: lifeboat.recovery.s3_retention
"""

EXAMPLES = r"""
- name: Keep the backup from before the migration
  lifeboat.recovery.backup_mark:
    application: shop
    database: shop
    backup: latest before 2026-11-20T10:00:00Z
    reason: The last one before the migration to the new schema
    store:
      url: s3://example-backups/postgresql
    keys:
      recovery_key_file: /etc/lifeboat/keys/recovery.key

- name: End a legal hold
  lifeboat.recovery.backup_mark:
    application: shop
    database: shop
    backup: backup-20261120T100000Z-0123456789abcdef
    kind: hold
    state: absent
    reason: Case 2026/117 is closed
    store:
      url: s3://example-backups/postgresql
    keys:
      recovery_key_file: /etc/lifeboat/keys/recovery.key
"""

RETURN = r"""
mark:
  description: The mark.
  returned: success
  type: dict
  contains:
    backup_id:
      description: The backup.
      type: str
    component:
      description: The cluster and the database.
      type: str
    kind:
      description: The kind of the mark.
      type: str
    state:
      description: Whether it is set.
      type: str
    reason:
      description: The reason. For an existing mark, its original reason.
      type: str
summary:
  description: The result in one sentence.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, cluster, repository, requested_by
from ..module_utils._engine.operations.mark.marking import MarkRequest, mark
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "database": {"type": "str", "required": True},
        "backup": {"type": "str", "required": True},
        "kind": {"type": "str", "choices": ["pinned", "hold"], "default": "pinned"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "reason": {"type": "str", "default": ""},
    }
)


def request(given: Given) -> MarkRequest:
    """Return the options as the engine takes them."""
    return MarkRequest(
        repository=given.repository(),
        cluster=given["cluster"],
        database=given["database"],
        backup=given["backup"],
        kind=given["kind"],
        state=given["state"],
        reason=given["reason"],
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository(), cluster(), requested_by()), request, mark, operation="retention")


if __name__ == "__main__":
    main()
