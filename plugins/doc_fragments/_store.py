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
    description: Where the backups lie.
    type: dict
    suboptions:
      url:
        description:
          - C(file:///path) or C(s3://bucket/prefix).
        type: str
        required: true
      endpoint:
        description: The address of a store that is not its protocol's own, such as V(https://minio.example.com).
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
          - Without it, the environment variables of the cloud count, then the identity of the machine.
        type: path
      profile:
        description: The section of O(store.credentials_file) to use.
        type: str
      checksums:
        description:
          - Whether a SHA-256 goes with every write. By default it does to AWS, where a bucket with Object Lock asks for
            one, and to no other store, since some refuse what they do not know.
        type: bool
"""
