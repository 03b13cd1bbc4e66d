#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make key files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: recovery_key
short_description: Create a key, and return its public key
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Creates a key on the host that uses it, in a file that only its owner may read, unless the file exists. The
    secret appears neither in results nor in logs.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_audited
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.state_dir
attributes:
  check_mode:
    support: full
    details:
      - The public key of a key that does not exist yet is unknown.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - Python >= 3.11 on the host that runs the module
  - cryptography >= 47
options:
  state:
    description: Create the key if it does not exist. A key is never replaced or removed by this module.
    type: str
    choices: [present]
    default: present
  type:
    description:
      - V(recovery) decrypts everything and is the root of trust; keep it away from the hosts that it protects, and a
        copy on paper. V(opening) decrypts backups and signs nothing, for validators.
      - V(signer) signs what a host writes, and V(digest) compares contents; neither decrypts anything.
    type: str
    choices: [recovery, opening, signer, digest]
    required: true
  path:
    description: The key file. Its directory must exist.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Create the recovery key on the controller
  delegate_to: localhost
  lifeboat.recovery.recovery_key:
    type: recovery
    path: ~/.lifeboat/shop.key
  register: recovery_key

- name: Create this host's signer
  lifeboat.recovery.recovery_key:
    type: signer
    path: /etc/lifeboat/keys/signer.json
"""

RETURN = r"""
path:
  description: The key file.
  returned: success
  type: str
kid:
  description: The key's id.
  returned: when the key exists
  type: str
  sample: 0123456789abcdef
public:
  description: The public key, in hex. Of a recovery key, the one to encrypt to. A digest key has none.
  returned: when the key exists and has one
  type: str
root:
  description: The public key of a recovery key's signatures on trust files, to be pinned as a root.
  returned: when the key exists and O(type=recovery)
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, requested_by, state_dir
from ..module_utils._engine.operations.keys.making import KeyRequest, make_key
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "state": {"type": "str", "choices": ["present"], "default": "present"},
        "type": {"type": "str", "choices": ["recovery", "opening", "signer", "digest"], "required": True},
        "path": {"type": "path", "required": True},
    }
)


def request(given: Given) -> KeyRequest:
    """Return the options as the engine takes them."""
    return KeyRequest(type=given["type"], path=given["path"])


def main() -> None:
    """Run the module."""
    run(SPEC.merge(requested_by(), state_dir()), request, make_key, operation="key")


if __name__ == "__main__":
    main()
