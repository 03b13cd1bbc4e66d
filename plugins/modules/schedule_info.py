#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check a schedule of backups and say when its jobs come."""

from __future__ import annotations

DOCUMENTATION = r"""
module: schedule_info
short_description: Check a schedule of backups and return when its jobs run
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Checks the jobs of a schedule, in the form that role P(lifeboat.recovery.schedule#role) uses, and returns them with
    the times of their next runs. Invalid jobs are rejected. It writes nothing.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.info_module
options:
  schedule:
    description:
      - The jobs, each with C(job) (V(backup), V(verify), V(validate), V(retention), V(doctor) or V(metrics)), C(cron)
        (five fields, or a name such as V(@daily)), C(name) (the default is that of the job), and options of its job.
      - The options of V(backup) are C(databases), C(databases_exclude), C(max_age), C(reason), C(proof), C(parallel),
        C(compression), C(min_bytes) and C(max_shrink).
      - Those of V(validate) are C(databases), C(backup) and C(parallel), those of V(verify) C(sample) and C(level),
        those of V(retention) C(policy) and C(apply), and that of V(doctor) is C(fail_on). V(metrics) has none.
    type: list
    elements: dict
    required: true
  scheduler:
    description: What starts the jobs.
    type: str
    choices: [cron, systemd]
    default: cron
  zone:
    description: The time zone of the schedule. Without it, the host's own, and V(cron) takes no other.
    type: str
    default: ""
  catch_up:
    description:
      - Whether a job that was missed while the host was down runs as soon as it is up again. V(cron) cannot do that,
        and V(systemd) does unless this is false.
    type: bool
  user:
    description: The operating system user of the jobs that need no root.
    type: str
    default: lifeboat
  home:
    description: The directory of the runtime.
    type: path
    default: /opt/lifeboat
  state_dir:
    description: Where the host keeps its state.
    type: path
    default: /var/lib/lifeboat
  log_dir:
    description: Where the output of the jobs goes.
    type: path
    default: /var/log/lifeboat
  wait:
    description: How long a job waits for another one of its kind that still runs.
    type: str
    default: 1h
"""

EXAMPLES = r"""
- name: Ask when backups would run
  lifeboat.recovery.schedule_info:
    scheduler: systemd
    zone: Europe/Amsterdam
    schedule:
      - name: nightly
        job: backup
        cron: "0 2 * * *"
      - name: hourly-orders
        job: backup
        cron: "0 8-18 * * mon-fri"
        databases: [orders]
  register: plan
"""

RETURN = r"""
jobs:
  description: The jobs, in the order in which they were given.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: nightly
    job:
      description: What it does.
      type: str
      sample: backup
    playbook:
      description: The playbook that it runs.
      type: str
      sample: lifeboat.recovery.backup
    user:
      description: The operating system user who runs it.
      type: str
      sample: lifeboat
    cron:
      description: The cron expression, in numbers.
      type: str
      sample: 0 8-18 * * 1-5
    on_calendar:
      description: The same as C(OnCalendar=) of systemd, which may need two.
      type: list
      elements: str
      sample: ["Mon..Fri *-*-* 08..18:00:00 Europe/Amsterdam"]
    next:
      description: When it runs next, in UTC.
      type: str
      sample: "2026-11-23T07:00:00Z"
    variables:
      description: The variables that apply to this job only.
      type: dict
      sample:
        lifeboat_reason: scheduled
document:
  description: The content of the file C(schedule.json), which the tools on the host read.
  returned: success
  type: dict
"""

from ..module_utils._argspec import ArgumentSpec, state_dir
from ..module_utils._engine.operations.schedule.check import ScheduleRequest, check_schedule
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "schedule": {"type": "list", "elements": "dict", "required": True},
        "scheduler": {"type": "str", "choices": ["cron", "systemd"], "default": "cron"},
        "zone": {"type": "str", "default": ""},
        "catch_up": {"type": "bool"},
        "user": {"type": "str", "default": "lifeboat"},
        "home": {"type": "path", "default": "/opt/lifeboat"},
        "log_dir": {"type": "path", "default": "/var/log/lifeboat"},
        "wait": {"type": "str", "default": "1h"},
    }
)


def request(given: Given) -> ScheduleRequest:
    """Return the options as the engine takes them."""
    return ScheduleRequest(
        jobs=given.many("schedule"),
        scheduler=given["scheduler"],
        zone=given["zone"],
        catch_up=given["catch_up"],
        user=given["user"],
        home=given["home"],
        state_dir=given["state_dir"],
        log_dir=given["log_dir"],
        wait=given["wait"],
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(state_dir()), request, check_schedule)


if __name__ == "__main__":
    main()
