# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup that lists and checks recovery plans."""

from __future__ import annotations

DOCUMENTATION = r"""
name: recovery_plans
short_description: List and check recovery plans
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Returns the plans that C(lifeboat_plan) can name, those beside the inventory and the playbook before those of this
    collection. Each is checked as for a run, except for what only Ansible's parser finds, such as a misspelt module.
options:
  _terms:
    description: Names of plans; without any, all.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Report plans that cannot be run
  ansible.builtin.debug:
    msg: "{{ query('lifeboat.recovery.recovery_plans') | selectattr('problem') | map(attribute='problem') }}"
"""

RETURN = r"""
_raw:
  description: The plans, sorted by their names.
  type: list
  elements: dict
  contains:
    name:
      description: The name.
      type: str
    path:
      description: The file.
      type: path
    description:
      description: What it is for.
      type: str
    priority:
      description: V(critical), V(high), V(normal) or V(low).
      type: str
    steps:
      description: The IDs of the steps, in order.
      type: list
      elements: str
    needs:
      description: What has to be given with each run.
      type: list
      elements: str
    replaces:
      description: Whether it needs C(lifeboat_replace), because a step is for lost hosts.
      type: bool
    approvals:
      description:
        - The steps that must be approved before they begin, in order, each with its C(id) and the C(approval) that is
          asked.
      type: list
      elements: dict
    problem:
      description: Why it cannot be run; empty if it can.
      type: str
"""

import typing as t

from ansible.plugins.lookup import LookupBase

from ..plugin_utils import _plans


class LookupModule(LookupBase):
    """The lookup of this file."""

    def run(self, terms: list[str], variables: t.Any = None, **kwargs: t.Any) -> list[dict[str, t.Any]]:
        """Return the plans."""
        self.set_options(var_options=variables, direct=kwargs)
        return [plan for plan in _plans.listed(variables or {}) if not terms or plan["name"] in terms]
