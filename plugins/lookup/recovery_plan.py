# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup that makes plays of a recovery plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: recovery_plan
short_description: Make plays of a recovery plan
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Validates a recovery plan, writes the plays that it means into the temporary directory of this run, and returns
    the path. Playbook C(lifeboat.recovery.recover) imports it; everything is done while Ansible parses, so that an
    invalid plan is refused before the first connection.
  - A plan is found by its name in a directory C(recovery) beside the inventory or the playbook, then among the plans of
    this collection. A name with a slash is a path.
  - A plan runs on this machine with your rights, like a playbook. Its file must belong to you or root, and nobody else
    may be able to write to it.
options:
  _terms:
    description: The name of a plan, or its path.
    type: list
    elements: str
    required: true
  mode:
    description: V(drill) makes the plays of a drill - the steps of the plan on hosts of C(lifeboat_drill_hosts).
    type: str
    choices: [recover, drill]
    default: recover
"""

EXAMPLES = r"""
- name: Recover by the plan that lifeboat_plan names
  ansible.builtin.import_playbook: "{{ lookup('lifeboat.recovery.recovery_plan', lifeboat_plan | default('default')) }}"
"""

RETURN = r"""
_raw:
  description: The path of the playbook.
  type: list
  elements: path
"""

import typing as t

from ansible.plugins.lookup import LookupBase

from ..plugin_utils import _plans


class LookupModule(LookupBase):
    """The lookup of this file."""

    def run(self, terms: list[str], variables: t.Any = None, **kwargs: t.Any) -> list[str]:
        """Return the path of the compiled plan."""
        self.set_options(var_options=variables, direct=kwargs)
        return [
            _plans.compiled(str(term), variables or {}, t.cast("t.Any", str(self.get_option("mode")))) for term in terms
        ]
