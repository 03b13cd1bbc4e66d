# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the backups lie. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The option O(store)."""

    DOCUMENTATION = r"""
options:
  store:
    description: The store of the backups.
    type: dict
    suboptions:
      url:
        description:
          - C(file:///path) or C(s3://bucket/prefix).
        type: str
        required: true
      endpoint:
        description: The endpoint of a store other than AWS, such as V(https://minio.example.com).
        type: str
      region:
        description: The region of the bucket.
        type: str
      ca_cert:
        description: A file with the certificates of the authorities that the store's own certificate may come from.
        type: path
      credentials_file:
        description:
          - A file in the format of AWS's shared credentials, which only its owner may read.
          - Without it, the environment variables of the cloud are used, then the identity of the machine.
        type: path
      profile:
        description: The section of O(store.credentials_file) to use.
        type: str
      checksums:
        description:
          - Whether a SHA-256 is sent with every write. The default is true for AWS, where a bucket with Object Lock
            requires one, and false for other stores, because some reject it.
        type: bool
"""
