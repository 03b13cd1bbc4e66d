# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which keys a host has. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The option O(keys)."""

    DOCUMENTATION = r"""
options:
  keys:
    description:
      - Paths of the key files that this host has, each readable by its owner only. Create them with
        M(lifeboat.recovery.recovery_key).
      - A sealed host has O(keys.signer_file) and O(keys.roots), and cannot decrypt. In single-key mode there is one
        O(keys.recovery_key_file), which decrypts everything. A validator has O(keys.opening_key_file) and
        O(keys.roots).
    type: dict
    suboptions:
      recovery_key_file:
        description:
          - The recovery key. Without this option, and if set, the environment variable E(BACKUP_ENCRYPTION_KEY) of the
            module holds it, 64 hexadecimal digits. Prefer the file; Ansible passes C(environment) on a command line.
        type: path
      signer_file:
        description: The key that signs this host's backups.
        type: path
      digest_key_file:
        description: The key of the digests that show whether two contents are equal, without revealing them.
        type: path
      opening_key_file:
        description: A key that decrypts backups and signs nothing.
        type: path
      roots:
        description: The public keys, 64 hexadecimal digits each, whose trust files are valid here.
        type: list
        elements: str
      roots_file:
        description: A file on the host that holds such public keys, one on each line, besides those of O(keys.roots).
        type: path
"""
