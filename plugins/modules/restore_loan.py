#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lend a restore what only a restore may have, and take it back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_loan
short_description: Grant a restore temporary rights, and revoke them
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Grants one run of M(lifeboat.recovery.pg_restore) superuser rights for its database role, and guards a temporary key
    file. Both are revoked when that run ends, for whatever reason.
  - Runs as root beside the restore, as a task with C(async) and C(poll=0). The restore connects to its socket with the
    option O(lifeboat.recovery.pg_restore#module:loan), and requests the rights right before it changes something. So
    a restore that is refused, or that runs in check mode, is granted none.
  - Parallel restores of one host do not affect each other. A role that was a superuser before stays one.
  - The rights of a killed run are revoked by the next loan on that host.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
attributes:
  check_mode:
    support: full
    details:
      - Grants nothing. A restore in check mode needs the key for its plan, so its loan is opened nevertheless, with
        C(check_mode=false).
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - It reports no change, because all rights are revoked at the end.
options:
  state:
    description:
      - V(open) grants until the restore has ended. V(closed) waits for that, and revokes what killed runs left.
    type: str
    choices: [open, closed]
    default: open
  run:
    description: A name of this run alone, of 8 to 64 hex digits.
    type: str
    required: true
  directory:
    description: A directory that only root may write to. It is created if it does not exist.
    type: path
    default: /etc/lifeboat/loans
  user:
    description: The operating system user who runs the restore. Nobody else can connect.
    type: str
    default: lifeboat
  role:
    description: The database role that is granted superuser rights. Without one, none are granted.
    type: str
  postgres_user:
    description: The operating system user who is the server's superuser by peer authentication.
    type: str
    default: postgres
  login_unix_socket:
    description: The directory of the server's socket.
    type: path
    default: /var/run/postgresql
  login_port:
    description: The port, which names the socket.
    type: int
    default: 5432
  key_file:
    description: A temporary key file of this run, which is removed at its end.
    type: path
  patience:
    description: How long to wait for the restore to connect, or with O(state=closed) to end; V(0s) only for the latter.
    type: str
    default: 5m
seealso:
  - module: lifeboat.recovery.pg_restore
"""

EXAMPLES = r"""
- name: Grant what the restore needs
  lifeboat.recovery.restore_loan:
    run: 0123456789abcdef
    role: lifeboat
  async: 604800
  poll: 0

- name: Restore
  become_user: lifeboat
  lifeboat.recovery.pg_restore:
    application: shop
    database: shop
    loan: /etc/lifeboat/loans/0123456789abcdef.sock
    store:
      url: s3://example-backups/postgresql

- name: Make sure that all is revoked
  lifeboat.recovery.restore_loan:
    run: 0123456789abcdef
    state: closed
"""

RETURN = r"""
lent:
  description: Whether the restore requested the rights.
  returned: success
  type: bool
"""

import typing as t

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._engine.operations.lend.ledger import Loan
from ..module_utils._engine.operations.lend.lending import LoanRequest, close_loan, open_loan
from ..module_utils._module import Given, run

if t.TYPE_CHECKING:
    from ..module_utils._engine.ground.model import Outcome, World

SPEC = ArgumentSpec(
    {
        "state": {"type": "str", "choices": ["open", "closed"], "default": "open"},
        "run": {"type": "str", "required": True},
        "directory": {"type": "path", "default": "/etc/lifeboat/loans"},
        "user": {"type": "str", "default": "lifeboat"},
        "role": {"type": "str"},
        "postgres_user": {"type": "str", "default": "postgres"},
        "login_unix_socket": {"type": "path", "default": "/var/run/postgresql"},
        "login_port": {"type": "int", "default": 5432},
        "key_file": {"type": "path", "no_log": False},
        "patience": {"type": "str", "default": "5m"},
    }
)


def request(given: Given) -> tuple[str, LoanRequest]:
    """Return the state, and the options as the engine takes them."""
    loan = Loan(
        run=given["run"],
        role=given["role"] or "",
        postgres_user=given["postgres_user"],
        unix_socket=given["login_unix_socket"],
        port=given["login_port"],
        key_file=given["key_file"] or "",
    )
    patience = given.seconds("patience") or 0.0
    return given["state"], LoanRequest(given["directory"], given["user"], loan, patience)


def act(wanted: tuple[str, LoanRequest], world: World) -> Outcome:
    """Open or close the loan."""
    state, loan = wanted
    return open_loan(loan, world) if state == "open" else close_loan(loan, world)


def main() -> None:
    """Run the module."""
    run(SPEC, request, act)


if __name__ == "__main__":
    main()
