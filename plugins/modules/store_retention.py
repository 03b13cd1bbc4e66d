#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Delete the backups of a store that a policy does not keep."""

from __future__ import annotations

DOCUMENTATION = r"""
module: store_retention
short_description: Delete the backups of a store that a policy does not keep
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Decides about every backup of an application by a policy, and deletes what the policy does not keep. RV(decisions)
    gives the reason for each.
  - A signed mark that the backup expired is written first, then its manifest goes, then its files. A run that is killed
    leaves files that nothing lists, and a later run removes them.
  - It works on every store. In an S3 bucket that keeps versions or locks objects, M(lifeboat.recovery.s3_retention) is
    the better choice, because it also looks after the bucket.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery_audited
  - lifeboat.recovery._keys
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._retention
  - lifeboat.recovery._store
attributes:
  check_mode:
    support: full
    details:
      - Decides with the same code, deletes nothing, and fails where the run would be refused.
  diff_mode:
    support: full
    details:
      - Lists every backup with the decision and its reason.
  idempotent:
    support: full
options:
  store:
    required: true
seealso:
  - module: lifeboat.recovery.s3_retention
  - module: lifeboat.recovery.backup_mark
"""

EXAMPLES = r"""
- name: Keep a week of hours, a month of days, a quarter of weeks and a year of months
  lifeboat.recovery.store_retention:
    application: shop
    store:
      url: file:///srv/backups
    keys:
      recovery_key_file: /etc/lifeboat/keys/recovery.key
    policy:
      preset: hours_days_weeks_months

- name: See what a policy would do to one database
  lifeboat.recovery.store_retention:
    application: shop
    cluster: main
    database: shop
    store:
      url: file:///srv/backups
    keys:
      signer_file: /etc/lifeboat/keys/signer.json
      roots_file: /etc/lifeboat/roots
    policy:
      keep_within: 30d
      monthly: 12
      zone: Europe/Amsterdam
      by_reason:
        manual:
          keep_within: 1y
  check_mode: true
  diff: true
"""

RETURN = r"""
decisions:
  description: What becomes of each backup, by database and time.
  returned: always
  type: list
  elements: dict
  contains:
    backup_id:
      description: The backup.
      type: str
    component:
      description: The cluster and the database.
      type: str
    finished:
      description: When it was made, in UTC.
      type: str
    action:
      description: V(keep), V(delete), or V(retained) for one that the store's own lock keeps.
      type: str
    reasons:
      description: Why.
      type: list
      elements: str
      sample: [daily 2026-11-20, newest restore-tested]
    size:
      description: Its bytes in the store.
      type: int
    restore_tested:
      description: Whether it is restore-tested.
      type: bool
refusals:
  description: Why nothing was deleted, as sentences.
  returned: when the clock looks wrong or too many would go
  type: list
  elements: str
kept:
  description: How many backups stay.
  returned: success
  type: int
deleted:
  description: How many were deleted, or in check mode would be.
  returned: success
  type: int
deleted_backups:
  description: Their ids.
  returned: success
  type: list
  elements: str
retained:
  description: How many would be deleted and are locked by the store.
  returned: success
  type: int
freed:
  description: The bytes of the files that were removed.
  returned: success
  type: int
garbage:
  description: How many objects were removed that no backup lists.
  returned: success
  type: int
hidden:
  description: Ids of backups that are stored completely without a manifest. They are kept; restore their manifests.
  returned: success
  type: list
  elements: str
problems:
  description: Problems in the store. M(lifeboat.recovery.backup_info) describes them.
  returned: success
  type: list
  elements: dict
wal:
  description: What became of the write-ahead log, in check mode what would.
  returned: success
  type: dict
  contains:
    deleted:
      description: How many of its files were deleted.
      type: int
    kept:
      description: How many of them stay.
      type: int
    bytes_freed:
      description: The bytes of those that were deleted, which RV(freed) does not contain.
      type: int
    gaps:
      description:
        - Segments that are missing - C(system_identifier), C(first), C(last), and how many C(objects). No recovery gets
          past them.
      type: list
      elements: dict
    reasons:
      description:
        - What stays and what goes, by range - C(system_identifier), C(action) (V(keep) or V(delete)), the files
          C(first) and C(last), how many C(objects), their C(size) in bytes, and the C(reason).
      type: list
      elements: dict
table:
  description: The decisions as lines of text.
  returned: success
  type: list
  elements: str
summary:
  description: The result in one sentence.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, repository, requested_by, retention
from ..module_utils._engine.operations.prune.prune import prune
from ..module_utils._module import run
from ..module_utils._pruning import prune_request as request

SPEC = ArgumentSpec({})


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository(), retention(), requested_by()), request, prune, operation="retention")


if __name__ == "__main__":
    main()
