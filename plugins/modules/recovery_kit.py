#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write or check the recovery kit of an application."""

from __future__ import annotations

DOCUMENTATION = r"""
module: recovery_kit
short_description: Write or check the recovery kit in the store
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - A recovery kit is what a bare machine needs to begin a recovery with the recovery key and the store's credentials
    alone. It contains the program C(start.py), this collection, Python packages, and, encrypted to the recovery key,
    inventory, plans and runbook.
  - The recovery key signs the list of all files. C(start.py) uses nothing else.
  - Only what the store lacks is uploaded, and files of the kit before are removed.
extends_documentation_fragment:
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._store
  - lifeboat.recovery._keys
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery
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
  state:
    description:
      - V(present) writes the kit. It needs the recovery key.
      - V(checked) reads all of it, and fails if a file is not as it was signed. It needs a pinned root or the recovery
        key.
    type: str
    choices: [present, checked]
    default: present
  collection:
    description: The directory of this collection. Required if O(state=present).
    type: path
  inventory:
    description:
      - The sources of the inventory, files or directories. What lies beside them as C(group_vars), C(host_vars),
        C(recovery), C(roles) or C(ansible.cfg) is part of it.
    type: list
    elements: path
    default: []
  paths:
    description: Further files and directories for the kit, such as certificate authorities. Vaulted files stay vaulted.
    type: list
    elements: path
    default: []
  wheels:
    description: Directories with Python packages (C(.whl)) for the machines on which a recovery may begin.
    type: list
    elements: path
    default: []
  runbook:
    description: The text of the runbook.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Write the recovery kit
  lifeboat.recovery.recovery_kit:
    application: shop
    store:
      url: s3://example-backups/postgresql
    keys:
      recovery_key_file: ~/.lifeboat/shop.key
    collection: ~/.ansible/collections/ansible_collections/lifeboat/recovery
    inventory: [hosts.yml]
"""

RETURN = r"""
serial:
  description: The number of the kit. Each kit that differs from the one before has a higher one.
  returned: success
  type: int
size:
  description: The bytes of all files.
  returned: success
  type: int
files:
  description: The names of all files.
  returned: success
  type: list
  elements: str
written:
  description: The names of the files that were uploaded.
  returned: O(state=present)
  type: list
  elements: str
removed:
  description: The names of the files of former kits that were removed.
  returned: O(state=present)
  type: list
  elements: str
start_sha256:
  description: The SHA-256 of C(start.py), as it is on the card.
  returned: success
  type: str
card:
  description: The recovery card as text.
  returned: success
  type: str
summary:
  description: The result in one sentence.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, repository
from ..module_utils._engine.operations.kit import writing
from ..module_utils._engine.operations.kit.contents import Source
from ..module_utils._module import Given, run

STATES = {"present": writing.write, "checked": writing.check}
LISTS = ("inventory", "paths", "wheels")
SPEC = ArgumentSpec(
    {
        "state": {"type": "str", "choices": [*STATES], "default": "present"},
        "collection": {"type": "path"},
        **{name: {"type": "list", "elements": "path", "default": []} for name in LISTS},
        "runbook": {"type": "str", "default": ""},
    },
    required_if=[("state", "present", ["collection"])],
)


def request(given: Given) -> tuple[str, writing.KitRequest]:
    """Return the options as the engine takes them."""
    lists = {name: given.many(name) for name in LISTS}
    source = Source(given["collection"], **lists, runbook=given["runbook"]) if given["collection"] else None
    return given["state"], writing.KitRequest(given.repository(), source)


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository()), request, lambda asked, world: STATES[asked[0]](asked[1], world))


if __name__ == "__main__":
    main()
