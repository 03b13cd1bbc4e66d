#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep a table of all operations up to date with the audit log of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_log
short_description: Write the history of a host into a database table
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Every module of this collection that acts leaves an entry in the audit log of its host. This module makes a table
    C(backup_logs) in a database of your choice and inserts the entries that it lacks, so after an outage it catches up.
  - The rows of backups follow what happens to them later. Their C(status) is V(completed), V(failed), V(refused),
    V(skipped) or V(deleted), and C(metadata) says whether a restore of them was tested, and with which result.
  - The table is made, and brought to a later version, in one transaction. Nothing in it is ever dropped.
  - What the table holds already is also what the log is checked against. An entry that was removed or rewritten on the
    host is a warning.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._postgres
  - lifeboat.recovery._repository.state_dir
attributes:
  check_mode:
    support: full
    details:
      - Says how many rows would be written, and which statements would change the table.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - Python >= 3.11 on the host that runs the module
  - psycopg >= 3
options:
  login_db:
    description:
      - The database that holds the table. Prefer one that is not restored from these backups, because a restore takes
        the table back too; rows that are lost so are written again.
    type: str
    required: true
  schema:
    description: The schema that holds the table. It is made if it is missing.
    type: str
    default: public
  table:
    description: The name of the table. A table of that name which this module did not make is left alone.
    type: str
    default: backup_logs
  application:
    description: Write only the entries of this application, and those of none. By default, all.
    type: str
  create:
    description:
      - Make the table, or bring it to the version that this release knows. With V(false) the module fails if that is
        needed, and the role needs no more than the right to select, insert and update.
    type: bool
    default: true
  policy:
    description:
      - The retention policy, as M(lifeboat.recovery.store_retention) takes it. With it, C(retention_type) says by which
        of its rules a backup stays, and C(retention_expires_at) until when at least; it is NULL where that is no date,
        because the rule counts or is forever. Pins and holds, which lie in the store, are not known here.
    type: dict
  state_dir:
    description: Where the audit log of this host lies.
"""

EXAMPLES = r"""
- name: Write what happened into the database of operations
  become: true
  become_user: lifeboat
  lifeboat.recovery.backup_log:
    login_host: db.example.com
    login_db: operations
    login_user: lifeboat_history
    login_password_file: /etc/lifeboat/keys/history.password
    ssl_mode: verify-full
    schema: lifeboat
"""

RETURN = r"""
rows:
  description: How many rows were inserted. In check mode, how many would be.
  returned: success
  type: int
settled:
  description: How many rows of backups learnt that the backup was deleted or tested, or how long it stays.
  returned: success
  type: int
table:
  description: The table, as it stands in SQL.
  returned: success
  type: str
  sample: '"public"."backup_logs"'
version:
  description: The version of the table.
  returned: success
  type: int
statements:
  description: What made the table or changed it.
  returned: success
  type: list
  elements: str
problems:
  description:
    - What is wrong with the audit log of this host, and what rows of the table say against it, as sentences.
    - Empty when its chain is whole and continues what the table holds.
  returned: success
  type: list
  elements: str
summary:
  description: The same in one sentence, for a log.
  returned: success
  type: str
"""

import platform

from ..module_utils._argspec import ArgumentSpec, postgres, state_dir
from ..module_utils._engine.drivers.components.postgres.log_table import Table
from ..module_utils._engine.operations.audit.log_sync import SyncRequest, sync
from ..module_utils._engine.records.retention import policy
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "login_db": {"type": "str", "required": True},
        "schema": {"type": "str", "default": "public"},
        "table": {"type": "str", "default": "backup_logs"},
        "application": {"type": "str"},
        "create": {"type": "bool", "default": True},
        "policy": {"type": "dict"},
    }
)


def request(given: Given) -> SyncRequest:
    """Return the options as the engine takes them."""
    return SyncRequest(
        state_dir=given["state_dir"],
        login=given.login(),
        database=given["login_db"],
        table=Table(given["schema"], given["table"]),
        host=platform.node(),
        application=given["application"] or "",
        create=given["create"],
        policy=policy.parse(given["policy"]) if given["policy"] else None,
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(postgres(), state_dir()), request, sync)


if __name__ == "__main__":
    main()
