#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a stopped PostgreSQL server a standby of another."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_standby
short_description: Make a stopped PostgreSQL server a standby of another
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Makes the data directory of a stopped server, such as a former primary, ready to be started as a standby of the
    server that took its place. Starting it is up to you.
  - C(pg_rewind) takes back what the server wrote after their histories parted. Where it cannot, C(pg_basebackup) copies
    the primary, and the former data directory is kept beside it.
  - Transactions that only this server has are lost by that. If there are any, nothing is changed without O(discard).
  - The replication slot is created, and the settings are written into C(postgresql.auto.conf).
  - A server that runs as a primary is refused, and so is one of another cluster.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._local_server
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  primary:
    description:
      - The server to follow. Its C(pg_hba.conf) has to let the role connect to the database C(replication), and for
        C(pg_rewind) to C(postgres).
    type: dict
    required: true
    suboptions:
      host:
        description: Its host or address.
        type: str
        required: true
      port:
        description: Its port.
        type: int
        default: 5432
      user:
        description:
          - The role with C(REPLICATION). For C(pg_rewind) it needs C(EXECUTE) on C(pg_ls_dir), C(pg_stat_file),
            C(pg_read_binary_file(text)) and C(pg_read_binary_file(text, bigint, bigint, boolean)), too.
        type: str
        required: true
      passfile:
        description: A file with its password, in the format of C(~/.pgpass), which only its owner may read.
        type: path
      ssl_mode:
        description: How TLS is used, as in libpq.
        type: str
        choices: [disable, allow, prefer, require, verify-ca, verify-full]
        default: prefer
      ca_cert:
        description: A file with the certificates of the authorities that the server's certificate may come from.
        type: path
  slot:
    description: The name of the physical replication slot on the primary, by which the standby is known there, too.
    type: str
    required: true
  config_file:
    description: The file C(postgresql.conf), where it is not in the data directory, as in Debian.
    type: path
  method:
    description: C(pg_rewind), C(pg_basebackup), or the first of them that works.
    type: str
    choices: [auto, rewind, copy]
    default: auto
  discard:
    description: Accept that transactions are lost that only this server has.
    type: bool
    default: false
  size:
    description: How many bytes the primary has, for the room that a copy needs. Without it, the size of the data here.
    type: int
    default: 0
seealso:
  - module: lifeboat.recovery.pg_promote
  - module: lifeboat.recovery.pg_replication_info
"""

EXAMPLES = r"""
- name: Make the former primary a standby
  become: true
  become_user: postgres
  lifeboat.recovery.pg_standby:
    data_dir: /var/lib/postgresql/17/main
    bin_dir: /usr/lib/postgresql/17/bin
    config_file: /etc/postgresql/17/main/postgresql.conf
    primary:
      host: db2.example.com
      user: replicator
      passfile: /var/lib/postgresql/lifeboat-replication.pgpass
    slot: lifeboat_db1
"""

RETURN = r"""
method:
  description: C(rewind), C(copy), or C(none) where the data could stay as they are.
  returned: success
  type: str
reason:
  description: Why, in a sentence.
  returned: success
  type: str
discarded:
  description: C(bytes) of WAL and C(transactions) that only this server had; null if nobody can tell.
  returned: success
  type: dict
  sample: {bytes: 41208, transactions: 213}
kept:
  description: Where the former data directory is kept, empty if there is none.
  returned: success
  type: str
summary:
  description: The result in one line.
  returned: success
  type: str
transactions:
  description: How many transactions only this server has, null if nobody can tell.
  returned: when O(discard) is needed
  type: int
bytes:
  description: In how many bytes of WAL they are.
  returned: when O(discard) is needed
  type: int
"""

from ..module_utils._argspec import SSL_MODES, ArgumentSpec, local_server
from ..module_utils._engine.drivers.components.postgres.sender import Sender
from ..module_utils._engine.operations.failover.standby import METHODS, StandbyRequest, make_standby
from ..module_utils._module import Given, run

PRIMARY = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "default": 5432},
    "user": {"type": "str", "required": True},
    "passfile": {"type": "path", "no_log": False},
    "ssl_mode": {"type": "str", "choices": SSL_MODES, "default": "prefer"},
    "ca_cert": {"type": "path"},
}

SPEC = ArgumentSpec(
    {
        "primary": {"type": "dict", "required": True, "options": PRIMARY},
        "slot": {"type": "str", "required": True},
        "config_file": {"type": "path"},
        "method": {"type": "str", "choices": list(METHODS), "default": "auto"},
        "discard": {"type": "bool", "default": False},
        "size": {"type": "int", "default": 0},
    }
)


def request(given: Given) -> StandbyRequest:
    """Return the options as the engine takes them."""
    primary = given["primary"]
    return StandbyRequest(
        server=given.local_server(),
        primary=Sender(
            host=primary["host"],
            port=primary["port"],
            user=primary["user"],
            passfile=primary["passfile"] or "",
            ssl_mode=primary["ssl_mode"],
            ca_cert=primary["ca_cert"] or "",
            name=given["slot"],
        ),
        slot=given["slot"],
        config_file=given["config_file"] or "",
        method=given["method"],
        discard=given["discard"],
        size=given["size"],
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(local_server()), request, make_standby)


if __name__ == "__main__":
    main()
