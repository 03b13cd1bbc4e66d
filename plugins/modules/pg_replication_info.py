#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell the part of a PostgreSQL server in streaming replication."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_replication_info
short_description: Tell the part of a PostgreSQL server in streaming replication
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Tells whether a server is a primary or a standby, how far it is, what is connected to it, and its slots and
    subscriptions.
  - Of a server that does not run it tells what its control file says, and, with O(received), what its WAL holds that
    the standby did not receive.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.info_module
  - lifeboat.recovery._local_server
options:
  received:
    description:
      - The position in the WAL up to which the standby has received it, such as C(0/3000148).
      - If the server does not run, RV(server.unreceived) tells what it wrote after that.
    type: str
"""

EXAMPLES = r"""
- name: Look at the standby
  become: true
  become_user: postgres
  lifeboat.recovery.pg_replication_info:
    data_dir: /var/lib/postgresql/17/main
    bin_dir: /usr/lib/postgresql/17/bin
  register: standby

- name: Wait until it streams
  become: true
  become_user: postgres
  lifeboat.recovery.pg_replication_info:
    data_dir: /var/lib/postgresql/17/main
    bin_dir: /usr/lib/postgresql/17/bin
  register: standby
  until: standby.server.receiver.status | default('') == 'streaming'
  retries: 30
  delay: 2
"""

RETURN = r"""
server:
  description: The server. Positions in the WAL are texts such as C(0/3000148).
  returned: success
  type: dict
  contains:
    running:
      description: Whether a process of the server is there. The values up to C(bytes) are of one that runs.
      type: bool
    version:
      description: Its version.
      type: str
      sample: "17.6"
    in_recovery:
      description: Whether it is a standby.
      type: bool
    promoted_at:
      description: When a primary was promoted, in UTC; null for one that never was a standby.
      type: str
    write_lsn:
      description: How far a primary has written.
      type: str
    receive_lsn:
      description: How far a standby has received WAL since it started.
      type: str
    replay_lsn:
      description: How far a standby has replayed WAL.
      type: str
    lag_bytes:
      description: How many bytes a standby has received and not replayed. What it did not receive it cannot know.
      type: int
    last_commit_at:
      description: When the last transaction was committed that a standby replayed, in UTC.
      type: str
    lag_seconds:
      description: How long ago that was. It grows while nothing is written, too.
      type: float
    receiver:
      description: The connection of a standby - C(status), C(host), C(port), C(slot), C(last_message_at).
      type: dict
    standbys:
      description: The connected standbys - C(name), C(address), C(state), C(sync), C(lag_bytes).
      type: list
      elements: dict
    slots:
      description: Its replication slots - C(name), C(type), C(database), C(active), C(wal_status), C(synced).
      type: list
      elements: dict
    subscriptions:
      description: Its subscriptions - C(name), C(database), C(enabled), C(slot).
      type: list
      elements: dict
    synchronous_standby_names:
      description: The setting of that name.
      type: str
    bytes:
      description: The size of all its tablespaces.
      type: int
    system_identifier:
      description: The number that a cluster and all its standbys share.
      type: str
    timeline:
      description: The timeline. Each promotion begins another one.
      type: int
    checksums:
      description: Whether it has data checksums.
      type: bool
    wal_log_hints:
      description: The setting of that name. With neither checksums nor this, pg_rewind cannot work.
      type: bool
    standby_signal:
      description: Whether a server that does not run would start as a standby.
      type: bool
    state:
      description: What the control file of a server that does not run says, such as C(shut down).
      type: str
    clean:
      description: Whether it was shut down cleanly.
      type: bool
    checkpoint_lsn:
      description: Where its last checkpoint begins, with which the WAL of a clean one ends.
      type: str
    unreceived:
      description: C(bytes) and C(transactions) after O(received); null where that part of the WAL is gone.
      type: dict
"""

from ..module_utils._argspec import ArgumentSpec, local_server
from ..module_utils._engine.operations.failover.looking import LookRequest, look
from ..module_utils._module import Given, run

SPEC = ArgumentSpec({"received": {"type": "str"}})


def request(given: Given) -> LookRequest:
    """Return the options as the engine takes them."""
    return LookRequest(given.local_server(), given["received"] or "")


def main() -> None:
    """Run the module."""
    run(SPEC.merge(local_server()), request, look)


if __name__ == "__main__":
    main()
