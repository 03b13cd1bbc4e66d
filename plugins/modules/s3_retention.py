#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide how long backups stay in an S3 bucket, and prove that nobody else can."""

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_retention
short_description: Apply a retention policy in an S3 bucket, and protect the bucket
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Applies a retention policy to the backups in an S3 bucket, configures the protection of the bucket (versioning,
    Object Lock, lifecycle rules), and tests with its own credentials that they can neither delete nor unlock what they
    write.
  - It handles O(bucket), O(prove_immutability), O(bring_back) and O(policy) in this order, and stops at the first
    failure. So the policy deletes nothing in a bucket whose protection does not work. Each part needs other rights, and
    is best run with its own credentials.
  - In any case it looks for objects of backups that are hidden by delete markers or later versions, and warns. If the
    credentials may not list versions, RV(covered) is null.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery_audited
  - lifeboat.recovery._bucket
  - lifeboat.recovery._keys
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._retention
  - lifeboat.recovery._store
requirements:
  - boto3
attributes:
  check_mode:
    support: full
    details:
      - Reads the store and changes nothing in it, so it does not test the lock.
  diff_mode:
    support: full
    details:
      - Shows each changed setting of the bucket, and each deleted backup with the reason.
  idempotent:
    support: full
    details:
      - The object that is written for the test is not a change.
options:
  store:
    required: true
  prove_immutability:
    description:
      - Write a small object, and try to delete it, to bypass its lock and to shorten it. The module fails unless all
        these are denied. Run it with the credentials that write backups.
    type: bool
    default: false
  bring_back:
    description: Remove delete markers that hide objects of backups. Overwritten objects are only reported.
    type: bool
    default: false
seealso:
  - module: lifeboat.recovery.backup_info
"""

EXAMPLES = r"""
- name: Protect the bucket, with the credentials of its administrator
  lifeboat.recovery.s3_retention:
    application: shop
    store:
      url: s3://example-backups/postgresql
      profile: administrator
      credentials_file: /etc/lifeboat/keys/store.credentials
    bucket:
      object_lock:
        mode: compliance
        days: 35
      transitions:
        - storage_class: GLACIER_IR
          days: 30
      abort_multipart_days: 3
      noncurrent_days: 30

- name: Test that this host cannot destroy its backups
  lifeboat.recovery.s3_retention:
    application: shop
    store:
      url: s3://example-backups/postgresql
      credentials_file: /etc/lifeboat/keys/store.credentials
    prove_immutability: true

- name: Delete what the policy does not keep, with credentials that may delete
  lifeboat.recovery.s3_retention:
    application: shop
    store:
      url: s3://example-backups/postgresql
      credentials_file: /etc/lifeboat/keys/pruner.credentials
    keys:
      recovery_key_file: /etc/lifeboat/keys/recovery.key
    policy:
      keep_within: 30d
      monthly: 12
"""

RETURN = r"""
bucket:
  description: The protection of the bucket, in check mode as it would be, its C(name), and whether it was C(made).
  returned: when O(bucket) is given
  type: dict
bucket_changes:
  description: What was changed about it, as sentences.
  returned: when O(bucket) is given
  type: list
  elements: str
immutability:
  description:
    - The version that was tested, C(locked_until), and whether the lock or the lack of rights protected it - see
      C(deletion_refused_by) and C(shortening_refused_by). C(clock_skew) is by how many seconds this host's clock is
      ahead.
    - Null in check mode.
  returned: when O(prove_immutability=true)
  type: dict
proved:
  description: Whether the store itself was seen to enforce the lock.
  returned: when O(prove_immutability=true), outside check mode
  type: bool
covered:
  description:
    - The first objects of backups that are hidden or overwritten - C(name), C(how), C(since), and C(version_id) and
      C(size) of the oldest version.
  returned: success
  type: list
  elements: dict
covered_count:
  description: Their number.
  returned: when versions can be listed
  type: int
brought_back:
  description: The names of the objects that are visible again.
  returned: when O(bring_back=true)
  type: list
  elements: str
lock:
  description: The lock's C(lock_days) beside the C(promised_days) of every backup and the C(longest_days) of any.
  returned: when O(policy) is given and the lock may be read
  type: dict
decisions:
  description: What the policy says about each backup - C(backup_id), C(component), C(action), C(reasons) and more.
  returned: when O(policy) is given
  type: list
  elements: dict
refusals:
  description: Why nothing was deleted, as sentences.
  returned: when the clock looks wrong or too many would go
  type: list
  elements: str
kept:
  description: How many backups stay.
  returned: when O(policy) is given
  type: int
deleted:
  description: How many were deleted, or in check mode would be.
  returned: when O(policy) is given
  type: int
deleted_backups:
  description: Their ids.
  returned: when O(policy) is given
  type: list
  elements: str
retained:
  description: How many the policy would delete and their lock keeps.
  returned: when O(policy) is given
  type: int
freed:
  description: The bytes of the files that were removed.
  returned: when O(policy) is given
  type: int
garbage:
  description: How many objects were removed that no backup lists.
  returned: when O(policy) is given
  type: int
hidden:
  description: Ids of backups that are stored completely without a manifest. They are kept; restore their manifests.
  returned: when O(policy) is given
  type: list
  elements: str
problems:
  description: Problems in the store. M(lifeboat.recovery.backup_info) describes them.
  returned: when O(policy) is given
  type: list
  elements: dict
wal:
  description: What became of the write-ahead log; M(lifeboat.recovery.store_retention) describes it.
  returned: when O(policy) is given
  type: dict
table:
  description: The decisions as lines of text.
  returned: when O(policy) is given
  type: list
  elements: str
summary:
  description: What was done, for a log.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, bucket, repository, requested_by, retention
from ..module_utils._engine.drivers.stores.s3 import guards
from ..module_utils._engine.operations.protect_bucket.s3_retention import S3RetentionRequest, keep
from ..module_utils._module import Given, run
from ..module_utils._pruning import prune_request

SPEC = ArgumentSpec(
    {
        "prove_immutability": {"type": "bool", "default": False},
        "bring_back": {"type": "bool", "default": False},
    }
)


def request(given: Given) -> S3RetentionRequest:
    """Return the options as the engine takes them."""
    return S3RetentionRequest(
        store=given.store(),
        application=given["application"],
        prune=None if given["policy"] is None else prune_request(given),
        guards=None if given["bucket"] is None else guards.parse(given["bucket"]),
        prove_immutability=given["prove_immutability"],
        bring_back=given["bring_back"],
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository(), retention(), bucket(), requested_by()), request, keep, operation="retention")


if __name__ == "__main__":
    main()
