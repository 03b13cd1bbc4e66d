#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell to which moments the stored write-ahead log recovers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_wal_info
short_description: Tell to which moments the stored write-ahead log recovers
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Lists the write-ahead log (WAL) in a store, and tells for each physical backup from when to when it recovers, which
    segments lack, and whether two servers wrote to one timeline. No key that decrypts is needed, and no segment is
    read.
  - The end of a window is when its last segment was stored, by the store's own clock. Replicated and migrated stores
    show later times.
  - With O(ask_server) the server is asked as well, how far it is behind with archiving. If it has the heartbeat of role
    P(lifeboat.recovery.wal_archiving#role), what a recovery would lose is measured by that.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery_postgresql
  - lifeboat.recovery._attributes.info_module
  - lifeboat.recovery._keys
  - lifeboat.recovery._postgres
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
requirements:
  - psycopg >= 3, for O(ask_server)
options:
  store:
    required: true
  cluster:
    description: Only the logs of this cluster's servers.
    type: str
  ask_server:
    description: Ask the server too; its role needs membership in C(pg_monitor).
    type: bool
    default: false
seealso:
  - module: lifeboat.recovery.pg_basebackup
  - module: lifeboat.recovery.pg_pitr
"""

EXAMPLES = r"""
- name: See to which moments the shop can be recovered
  lifeboat.recovery.pg_wal_info:
    application: shop
    store:
      url: s3://example-backups/postgresql
      region: eu-central-1
    keys:
      roots_file: /etc/lifeboat/roots
  register: log

- name: Fail if a segment lacks
  ansible.builtin.assert:
    that: log.wal | map(attribute='problems') | flatten | length == 0
    fail_msg: "{{ log.summary }}"
"""

RETURN = r"""
wal:
  description:
    - One entry for each server, by its system identifier. C(components) are its backups, C(size) and C(segment_size)
      are in bytes.
    - C(timelines) have their segments, and when the first and the last were stored. C(windows) tell for each backup,
      and each timeline that it leads to, C(from) and C(to) when it recovers; C(to) is null where the backup lacks a
      segment itself, and C(gap) is the first that lacks.
    - C(rpo_seconds) is how much a recovery would lose that began now, and C(recoverable_until) up to when all comes
      back. C(rpo_from) is V(heartbeat) if the newest heartbeat says so up to which all is stored, and V(store) if only
      the time is known at which the last segment was stored; what is lost may then be somewhat more. All three are null
      if nothing recovers.
    - C(forked) are timelines that were written to, last at C(stored), after the timeline C(child) had begun on them.
    - C(archiver) is what the server says, with its replication slots, and null if it was not asked.
    - C(listed) is when the store was asked, and C(listed_whole) when for all of the log.
    - C(problems) are sentences, and empty if all is well. Segments at the end of a timeline, and histories, that no
      trusted signer made are named there, and count for nothing else.
  returned: success
  type: list
  elements: dict
  sample:
    - system_identifier: "7312345678901234567"
      components: [main/@physical]
      segment_size: 16777216
      size: 8589934592
      timelines:
        - timeline: 1
          segments: 4032
          first: 000000010000000A00000010
          last: 0000000100000019000000CF
          stored_from: "2026-11-14T00:02:11+00:00"
          stored_to: "2026-11-28T13:05:01+00:00"
      windows:
        - backup_id: backup-20261128T020000Z-0123456789abcdef
          timeline: 1
          from: "2026-11-28T02:04:40+00:00"
          to: "2026-11-28T13:05:01+00:00"
          gap: null
      gaps: []
      forked: []
      listed: "2026-11-28T13:05:30+00:00"
      listed_whole: "2026-11-28T13:05:30+00:00"
      archiver: null
      rpo_seconds: 215
      recoverable_until: "2026-11-28T13:05:01+00:00"
      rpo_from: store
      problems: []
summary:
  description: The result in one sentence.
  returned: success
  type: str
  sample: 1 log, no problem. A recovery would lose the last 3 min 35 s, or somewhat more.
"""

from ..module_utils._argspec import ArgumentSpec, postgres, repository
from ..module_utils._engine.operations.wal.examining import WalInfoRequest, examine
from ..module_utils._module import Given, run

SPEC = ArgumentSpec({"cluster": {"type": "str"}, "ask_server": {"type": "bool", "default": False}})


def request(given: Given) -> WalInfoRequest:
    """Return the options as the engine takes them."""
    login = given.login() if given["ask_server"] else None
    return WalInfoRequest(repository=given.repository(), cluster=given["cluster"] or "", login=login)


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository(), postgres()), request, examine)


if __name__ == "__main__":
    main()
