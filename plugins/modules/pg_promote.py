#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promote a standby to primary."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_promote
short_description: Promote a standby of PostgreSQL to primary
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Promotes a standby, waits until it takes writes, and tells how far it was behind and what it lacks.
  - It does not look at the former primary. Two primaries take writes that nobody can bring together again, so make sure
    that the former one is stopped and stays so, as role C(lifeboat.recovery.failover) does.
  - A primary that was promoted is left as it is. One that never was a standby is refused.
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
  since:
    description:
      - A time such as C(2026-11-20T10:00:00Z). A primary that was promoted before it is refused, because it is not the
        standby that was meant.
    type: str
  timeout:
    description: How long to wait for the end of recovery.
    type: str
    default: 5m
seealso:
  - module: lifeboat.recovery.pg_replication_info
  - module: lifeboat.recovery.pg_standby
"""

EXAMPLES = r"""
- name: Promote the standby
  become: true
  become_user: postgres
  lifeboat.recovery.pg_promote:
    data_dir: /var/lib/postgresql/17/main
    bin_dir: /usr/lib/postgresql/17/bin
"""

RETURN = r"""
promotion:
  description:
    - What was promoted. C(lag_bytes) is what the standby had received and not replayed yet, which it did first;
      C(last_commit_at) the last transaction that arrived.
  returned: success
  type: dict
  sample:
    timeline: 2
    former_timeline: 1
    receive_lsn: 0/5000000
    replay_lsn: 0/5000000
    lag_bytes: 0
    lag_seconds: 4.2
    last_commit_at: "2026-11-20T10:00:00.123Z"
lost:
  description: What the promoted server lacks of the former primary, in sentences.
  returned: success
  type: list
  elements: str
summary:
  description: The result in one line.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, local_server
from ..module_utils._engine.operations.failover.promoting import PromoteRequest, promote
from ..module_utils._module import Given, run

SPEC = ArgumentSpec({"since": {"type": "str"}, "timeout": {"type": "str", "default": "5m"}})


def request(given: Given) -> PromoteRequest:
    """Return the options as the engine takes them."""
    return PromoteRequest(
        server=given.local_server(), since=given.time("since"), timeout=given.seconds("timeout") or 0.0
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(local_server()), request, promote)


if __name__ == "__main__":
    main()
