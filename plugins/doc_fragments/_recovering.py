# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a recovery is opened with. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of O(state=open)."""

    DOCUMENTATION = r"""
options:
  process:
    description: The process that runs the plan. Once it has ended, another run on this host can resume the recovery.
    type: dict
    suboptions:
      pid:
        description: Its number.
        type: int
        required: true
  plan:
    description: Its C(name), C(digest) and C(steps), each with C(id), C(digest), C(type), C(hosts), C(component)
      and C(stage).
    type: dict
  replace:
    description: By host, the one that stands in for it. A resumed recovery keeps its own, and more can be added.
    type: dict
  failover:
    description: By host, the one that takes its place as the primary. A resumed recovery needs the same again.
    type: dict
  target:
    description: The moment to which steps of type V(pitr) recover whole servers, as
      O(lifeboat.recovery.pg_pitr#module:target) has it. A resumed recovery keeps its own.
    type: raw
  default_target:
    description: The moment where O(target) says none, and a recovery begins.
    type: raw
  points:
    description: Backups by component (V(main/shop), V(*) for all), as an ID, V(latest), or V(latest before <time>). By
      default, the newest that is not suspicious and did not fail a restore test. A resumed recovery keeps its own.
    type: dict
  infected_since:
    description: Only restore-tested backups that finished before this are chosen by default.
    type: str
  incident_at:
    description: When the outage began, such as V(2026-11-20T10:00:00Z). By default, when the recovery was opened.
    type: str
  approve:
    description: Steps that are approved, by their IDs.
    type: list
    elements: str
    default: []
  confirmed:
    description: The targets whose data may be replaced, such as V(shop@db1).
    type: list
    elements: str
    default: []
  takeover:
    description: Take the recovery over from a run that may still be at work. That run stops at its next event.
    type: bool
    default: false
  clusters:
    description: The cluster of each host whose cluster has another name, for the forecast.
    type: dict
"""
