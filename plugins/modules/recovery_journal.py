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
    choices: [open, begin, end, waiting, torn_down, leave, close, read]
    required: true
  recovery_id:
    description:
      - The ID of the recovery. For O(state=open), V(new) begins another one.
      - By default, the last one of the plan is resumed if it is unfinished, ran on this host, and its last event is at
        most a day old. Any other unfinished one must be named. One that ended well is returned for a day.
    type: str
    default: ""
  run:
    description: The run, as O(state=open) returned it.
    type: str
    default: ""
  process:
    description: The process that runs the plan. Once it has ended, another run on this host can resume the recovery.
    type: dict
    suboptions:
      pid:
        description: Its number.
        type: int
        required: true
  plan:
    description: Its C(name), C(digest) and C(steps), each with C(id), C(digest), C(type), C(hosts) and C(component).
    type: dict
  mode:
    description: Whether this is a recovery or a drill. A drill is never resumed, and V(drill) approves its steps.
    type: str
    choices: [recover, drill]
    default: recover
  replace:
    description: By host, the one that stands in for it. A resumed recovery keeps its own, and more can be added.
    type: dict
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
  journal:
    description: With V(local), a recovery begins without the store, and O(exclusive) does not need it.
    type: str
    choices: [store, local]
    default: store
  forecast:
    description: The expected seconds of each step.
    type: dict
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
    - C(id), C(plan), C(mode), C(started), C(incident_at), C(run), C(resumed), C(finished), C(result), C(points) and
      C(replace). Of its steps C(settled) with their results, C(failed), C(interrupted), C(waiting), C(approved),
      C(plan_changed), C(forecast) and C(steps_seconds). Of a drill C(canaries), C(planted) and C(found), and
      C(torn_down), what is left by host, null before that.
  returned: success, in check mode only for O(state=open) and O(state=read)
  type: dict
summary:
  description: The result in one sentence.
  returned: success of O(state=open), O(state=leave) and O(state=close)
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, anomalies, repository, requested_by
from ..module_utils._engine.operations.recover import closing, opening, stepping
from ..module_utils._module import Given, account, run

STATES = {
    "open": lambda given, world: opening.open_recovery(to_open(given), world),
    "begin": lambda given, world: stepping.begin(of_a_step(given), world),
    "end": lambda given, world: stepping.end(of_a_step(given), world),
    "waiting": lambda given, world: stepping.wait(of_a_step(given), world),
    "torn_down": lambda given, world: stepping.tear_down(of_a_step(given), world),
    "leave": lambda given, world: closing.leave(of_an_end(given), world),
    "close": lambda given, world: closing.close(of_an_end(given), world),
    "read": lambda given, world: stepping.read(of_a_step(given), world),
}
ENDS = ("end", "leave", "close")
SPEC = ArgumentSpec(
    {
        "state": {"type": "str", "choices": [*STATES], "required": True},
        **{name: {"type": "str", "default": ""} for name in ("recovery_id", "run", "step", "reason", "text")},
        **{name: {"type": "bool", "default": False} for name in ("takeover", "exclusive", "accepted")},
        **{name: {"type": "dict"} for name in ("plan", "replace", "points", "forecast", "hosts", "facts")},
        **{name: {"type": "str"} for name in ("infected_since", "incident_at")},
        "changed": {"type": "bool"},
        "process": {"type": "dict", "options": {"pid": {"type": "int", "required": True}}},
        "mode": {"type": "str", "choices": ["recover", "drill"], "default": "recover"},
        **{name: {"type": "list", "elements": "str", "default": []} for name in ("approve", "confirmed")},
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
        **{name: given.texts(name) for name in ("replace", "points")},
        repository=given.repository(),
        plan=opening.plan(given["plan"]),
        pid=given["process"]["pid"],
        user=given["requested_by"] or account(),
        forecast=given.numbers("forecast"),
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
    )


def of_an_end(given: Given) -> closing.EndRequest:
    """Return the options of a run that ends."""
    return closing.EndRequest(given.repository(), given["recovery_id"], given["run"], given["result"], given["reason"])


def main() -> None:
    """Run the module."""
    spec = SPEC.merge(repository(), anomalies(), requested_by())
    run(spec, lambda given: given, lambda given, world: STATES[given["state"]](given, world))


if __name__ == "__main__":
    main()
