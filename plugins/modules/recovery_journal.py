#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Journal a recovery: what it is, which step began and how it ended."""

from __future__ import annotations

DOCUMENTATION = r"""
module: recovery_journal
short_description: Journal the steps of a recovery, so that a later run can resume it
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Writes the events of a recovery on the controller, where it runs, and, signed and encrypted, to the store. Only one
    run at a time can add events, and the events tell which steps a later run has to do.
  - When the store cannot be reached, an event is kept in O(state_dir) and uploaded with the next one.
  - Events are signed with the root of the recovery key, or with a signer whose scope in the trust file lists
    V(recovery). A key that decrypts is needed to read them.
extends_documentation_fragment:
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._store
  - lifeboat.recovery._keys
  - lifeboat.recovery._anomalies
  - lifeboat.recovery._recovering
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery_audited
attributes:
  check_mode:
    support: full
    details: [O(state=open) returns what it would begin as V(simulated). The other states do nothing.]
  diff_mode:
    support: partial
    details: [Shows what O(state=open) changes.]
  idempotent:
    support: none
options:
  store:
    required: true
  state:
    description:
      - V(open) begins a recovery or resumes an unfinished one. It chooses the recovery points and pins them.
      - V(begin) and V(end) are of one attempt at a step. V(leave) ends the run, V(close) the recovery and its pins.
    type: str
    choices: [open, begin, end, waiting, torn_down, told, leave, close, read]
    required: true
  recovery_id:
    description:
      - The ID of the recovery. For O(state=open), V(new) begins another one.
      - By default, the last one of the plan is resumed if it is unfinished, ran on this host, and its last event is at
        most a day old. Any other unfinished one must be named. One that ended well is returned for a day, unless
        O(replace) or O(failover) name other hosts, O(target) names another moment, or a recovery by another plan came
        after it.
    type: str
    default: ""
  run:
    description: The run, as O(state=open) returned it.
    type: str
    default: ""
  mode:
    description: Whether this is a recovery or a drill. A drill is never resumed, and V(drill) approves its steps.
    type: str
    choices: [recover, drill]
    default: recover
  journal:
    description: With V(local), a recovery begins without the store, and O(exclusive) does not need it.
    type: str
    choices: [store, local]
    default: store
  step:
    description: The ID of the step.
    type: str
    default: ""
  attempt:
    description: The number of the attempt at the step.
    type: int
    default: 1
  exclusive:
    description: The step must not begin before its event is in the store.
    type: bool
    default: false
  result:
    description: How it ended. A step can be V(skipped), a run V(waiting) or V(incomplete).
    type: str
    choices: [ok, failed, skipped, waiting, incomplete]
  accepted:
    description: A failure of the step is accepted, and the step is not repeated.
    type: bool
    default: false
  reason:
    description: Why, in one sentence.
    type: str
    default: ""
  hosts:
    description: A message by host, or what V(torn_down) left there. The journal keeps one line of 2,000 characters.
    type: dict
  changed:
    description: Whether the step changed something, where that is known.
    type: bool
  facts:
    description: A few numbers and words about the step. Must not contain secrets.
    type: dict
  objectives:
    description: By component C(rto), C(rpo) or both, such as V(2h) and V(15m), for O(state=close).
    type: dict
  channels:
    description: The receivers of notifications that were told of the recovery, for O(state=told).
    type: list
    elements: str
    default: []
  text:
    description: What the run waits for.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Read how a recovery stands
  lifeboat.recovery.recovery_journal:
    state: read
    application: shop
    recovery_id: recovery-20261120T100000Z-0123456789abcdef
    store: {url: s3://example-backups/postgresql}
    keys: {recovery_key_file: /etc/lifeboat/keys/recovery.key}
"""

RETURN = r"""
recovery:
  description:
    - C(id), C(plan), C(mode), C(started), C(incident_at), C(run), C(resumed), C(finished), C(result), C(points),
      C(replace), C(failover) and C(target). Of its steps C(settled) with their results, C(failed), C(interrupted),
      C(waiting), C(approved), C(plan_changed), C(forecast) and C(steps_seconds). Of a drill C(canaries), C(planted) and
      C(found), and C(torn_down), what is left by host, null before that.
  returned: success, in check mode only for O(state=open) and O(state=read)
  type: dict
summary:
  description: The result in one sentence.
  returned: success of O(state=open), O(state=leave) and O(state=close)
  type: str
status_page:
  description: What a status page can tell the users of the application, empty for a drill.
  returned: success of O(state=open), O(state=leave) and O(state=close)
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, anomalies, recovering, repository, requested_by
from ..module_utils._engine.operations.recover import closing, opening, stepping
from ..module_utils._engine.records.recovery import objectives
from ..module_utils._module import Given, account, run

STATES = {
    "open": lambda given, world: opening.open_recovery(to_open(given), world),
    "begin": lambda given, world: stepping.begin(of_a_step(given), world),
    "end": lambda given, world: stepping.end(of_a_step(given), world),
    "waiting": lambda given, world: stepping.wait(of_a_step(given), world),
    "torn_down": lambda given, world: stepping.tear_down(of_a_step(given), world),
    "told": lambda given, world: stepping.tell(of_a_step(given), world),
    "leave": lambda given, world: closing.leave(of_an_end(given), world),
    "close": lambda given, world: closing.close(of_an_end(given), world),
    "read": lambda given, world: stepping.read(of_a_step(given), world),
}
ENDS = ("end", "leave", "close")
SPEC = ArgumentSpec(
    {
        "state": {"type": "str", "choices": [*STATES], "required": True},
        **{name: {"type": "str", "default": ""} for name in ("recovery_id", "run", "step", "reason", "text")},
        **{name: {"type": "bool", "default": False} for name in ("exclusive", "accepted")},
        **{name: {"type": "dict"} for name in ("hosts", "facts", "objectives")},
        "changed": {"type": "bool"},
        "mode": {"type": "str", "choices": ["recover", "drill"], "default": "recover"},
        "channels": {"type": "list", "elements": "str", "default": []},
        "journal": {"type": "str", "choices": ["store", "local"], "default": "store"},
        "attempt": {"type": "int", "default": 1},
        "result": {"type": "str", "choices": ["ok", "failed", "skipped", "waiting", "incomplete"]},
    },
    required_if=[("state", "open", ("plan", "process")), *(("state", state, ("result",)) for state in ENDS)],
)


def to_open(given: Given) -> opening.OpenRequest:
    """Return the options of a run that begins."""
    return opening.OpenRequest(
        **{name: given[name] for name in ("recovery_id", "mode", "reason", "takeover", "journal")},
        **{name: given[name] for name in ("target", "default_target")},
        **{name: given.texts(name) for name in ("replace", "failover", "points", "clusters")},
        repository=given.repository(),
        plan=opening.plan(given["plan"]),
        pid=given["process"]["pid"],
        user=given["requested_by"] or account(),
        **{name: given.time(name) for name in ("infected_since", "incident_at")},
        **{name: given.many(name) for name in ("approve", "confirmed")},
        thresholds=given.thresholds(),
    )


def of_a_step(given: Given) -> stepping.StepRequest:
    """Return the options of what happens to a step."""
    names = ("recovery_id", "run", "step", "attempt", "exclusive", "journal", "accepted", "reason", "changed", "text")
    return stepping.StepRequest(
        **{name: given[name] for name in names},
        repository=given.repository(),
        result=given["result"] or "ok",
        hosts=given.texts("hosts"),
        facts=given["facts"] or {},
        channels=given.many("channels"),
    )


def of_an_end(given: Given) -> closing.EndRequest:
    """Return the options of a run that ends."""
    told = {name: given[name] for name in ("recovery_id", "run", "result", "reason")}
    return closing.EndRequest(given.repository(), **told, objectives=objectives.parse(given["objectives"] or {}))


WORK = (
    SPEC.merge(repository(), anomalies(), requested_by(), recovering()),
    lambda given: given,
    lambda given, world: STATES[given["state"]](given, world),
)


def main() -> None:
    """Run the module."""
    run(*WORK)


if __name__ == "__main__":
    main()
