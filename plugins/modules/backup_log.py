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
  - Every module of this collection that changes something writes an entry to the audit log of its host. This module
    creates a table C(backup_logs) in a database of your choice and inserts the missing entries, also after an outage.
  - The rows of backups are updated later. Their C(status) is V(completed), V(skipped), V(failed), V(refused),
    V(stopped) or V(deleted), and C(metadata) shows whether they were restore-tested, and with which result.
  - The table is created, and upgraded, in one transaction. Nothing in it is ever dropped.
  - The log is also checked against the existing rows. An entry that was removed or rewritten on the host is a warning.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_postgresql
  - lifeboat.recovery._postgres
  - lifeboat.recovery._repository.state_dir
attributes:
  check_mode:
    support: full
    details:
      - Shows how many rows would be written, and which statements would change the table.
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
      - The database of the table. Prefer one that is not restored from these backups, because a restore also resets the
        table; lost rows are written again.
    type: str
    required: true
  schema:
    description: The schema of the table. It is created if it is missing.
    type: str
    default: public
  table:
    description: The name of the table. A table of that name that this module did not create is not changed.
    type: str
    default: backup_logs
  application:
    description: Write only the entries of this application, and those without an application. The default is all.
    type: str
  create:
    description:
      - Create the table, or upgrade it to the version of this release. With V(false) the module fails if that is
        needed, and the role only needs the rights to select, insert and update.
    type: bool
    default: true
  policy:
    description:
      - The retention policy, as in M(lifeboat.recovery.store_retention). With it, C(retention_type) shows which of its
        rules keeps a backup, and C(retention_expires_at) until when at least; it is NULL if there is no date, because
        the rule counts or is forever. Pins and holds, which are in the store, are not considered.
    type: dict
  state_dir:
    description: Directory of the audit log of this host.
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
  description: Number of rows that were inserted, or would be in check mode.
  returned: success
  type: int
settled:
  description: Number of rows that were updated because the backup was deleted or tested, or because of its retention.
  returned: success
  type: int
table:
  description: The table as an SQL identifier.
  returned: success
  type: str
  sample: '"public"."backup_logs"'
version:
  description: The version of the table.
  returned: success
  type: int
statements:
  description: Statements that created or changed the table.
  returned: success
  type: list
  elements: str
problems:
  description:
    - Problems of the audit log of this host, and contradictions with rows of the table, as sentences.
    - Empty if its chain is intact and continues the rows of the table.
  returned: success
  type: list
  elements: str
summary:
  description: The result in one sentence.
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
