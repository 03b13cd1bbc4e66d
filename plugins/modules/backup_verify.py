#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read stored backups again and check every byte."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_verify
short_description: Read stored backups again and check every byte
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Reads backups from the store and checks that they are authentic and complete. It needs no database.
  - All selected files are read before the module fails, and the error names each problem.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery_audited
  - lifeboat.recovery._attributes.info_module
  - lifeboat.recovery._attributes.progress
  - lifeboat.recovery._keys
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
options:
  store:
    required: true
  cluster:
    description: Read only backups of this PostgreSQL cluster.
    type: str
  database:
    description: Read only backups of this database. It needs O(cluster).
    type: str
  backup:
    description:
      - V(all), or one backup of O(database) - V(latest), a backup id, or V(latest before 2026-11-20T10:00:00Z).
    type: str
    default: all
  level:
    description:
      - V(intact) checks signatures, sizes and the hash of every stored byte, and needs no key to decrypt.
      - V(opens) also decrypts and decompresses everything.
    type: str
    choices: [intact, opens]
    default: intact
  sample:
    description: Read this percentage of the files, different ones every day.
    type: int
    default: 100
"""

EXAMPLES = r"""
- name: Read a tenth of the shop's backups
  lifeboat.recovery.backup_verify:
    application: shop
    sample: 10
    store:
      url: s3://example-backups/postgresql
    keys:
      roots_file: /etc/lifeboat/roots

- name: Prove that the newest backup opens with the escrowed key
  lifeboat.recovery.backup_verify:
    application: shop
    cluster: main
    database: shop
    backup: latest
    level: opens
    store:
      url: s3://example-backups/postgresql
    keys:
      recovery_key_file: /media/escrow/recovery.key
"""

RETURN = r"""
backups:
  description: The ids of the backups that were verified.
  returned: always
  type: list
  elements: str
files_read:
  description: Number of stored files that were read.
  returned: always
  type: int
expired:
  description: Ids of backups that retention deleted while this ran. They are not in RV(backups), and not a problem.
  returned: always
  type: list
  elements: str
bytes_read:
  description: Number of bytes that were read.
  returned: always
  type: int
seconds:
  description: How long it took.
  returned: always
  type: float
level:
  description: The level of the verification, O(level).
  returned: always
  type: str
sample:
  description: The percentage of the files that was read, O(sample).
  returned: always
  type: int
problems:
  description: What is corrupted, missing or could not be read, as sentences. Empty on success.
  returned: always
  type: list
  elements: str
summary:
  description: The result in one sentence.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, repository, requested_by
from ..module_utils._engine.operations.verify.verification import VerifyRequest, verify
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "cluster": {"type": "str"},
        "database": {"type": "str"},
        "backup": {"type": "str", "default": "all"},
        "level": {"type": "str", "choices": ["intact", "opens"], "default": "intact"},
        "sample": {"type": "int", "default": 100},
    },
    required_by={"database": ("cluster",)},
)


def request(given: Given) -> VerifyRequest:
    """Return the options as the engine takes them."""
    return VerifyRequest(
        repository=given.repository(),
        cluster=given["cluster"],
        database=given["database"],
        backup=given["backup"],
        level=given["level"],
        sample=given["sample"],
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository(), requested_by()), request, verify, operation="verification")


if __name__ == "__main__":
    main()
