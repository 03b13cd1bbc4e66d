# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How an S3 bucket is guarded. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The option O(bucket)."""

    DOCUMENTATION = r"""
options:
  bucket:
    description:
      - The protection of the bucket. Omitted settings are not changed, nor are lifecycle rules of others.
      - The lifecycle rules apply to this application's objects only.
    type: dict
    suboptions:
      create:
        description: Create the bucket if it does not exist.
        type: bool
        default: false
      versioning:
        description: Switch on versions. They are never switched off. O(bucket.object_lock) switches them on too.
        type: bool
        default: false
      object_lock:
        description:
          - The lock that each version gets when it is written. V(compliance) cannot be undone, and locked versions cost
            storage until it ends. Test with V(governance) first.
        type: dict
        suboptions:
          mode:
            description:
              - Nobody can remove a version locked by V(compliance) before its time. Who has
                C(s3:BypassGovernanceRetention) can remove one locked by V(governance).
            type: str
            choices: [governance, compliance]
            required: true
          days:
            description: How long. Give at least as long as the policy keeps every backup.
            type: int
            required: true
      transitions:
        description:
          - The colder storage classes that the members of backups, and nothing else, are moved to. An empty list
            removes the rule.
          - Objects in V(GLACIER) or V(DEEP_ARCHIVE) must be restored by S3 before they can be read; those in
            V(GLACIER_IR) can be read directly.
        type: list
        elements: dict
        suboptions:
          storage_class:
            description: The storage class, such as V(STANDARD_IA), V(GLACIER_IR), V(GLACIER) or V(DEEP_ARCHIVE).
            type: str
            required: true
          days:
            description: After how many days.
            type: int
            required: true
      abort_multipart_days:
        description: Delete the parts of uploads that were not completed within these days. V(0) removes the rule.
        type: int
      noncurrent_days:
        description:
          - Remove versions this many days after they were replaced or hidden, once their lock has ended, and delete
            markers that hide nothing. V(0) removes the rule.
          - This is the time you have to notice that backups were hidden.
        type: int
      allow_weaker:
        description: Accept a lock that is shorter, or easier to remove, than the one that the bucket has.
        type: bool
        default: false
"""
