# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup that checks the variables that people set."""

from __future__ import annotations

DOCUMENTATION = r"""
name: variable_problems
short_description: Check the variables of roles of this collection
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Compares the C(lifeboat_) variables of a host with the options of roles of this collection, before the roles run.
    Each problem names the variable, the allowed values, and, if it can be guessed, the intended one.
options:
  _terms:
    description: Names of roles, such as V(backup).
    type: list
    elements: str
  known:
    description: All known variables. With it, any other C(lifeboat_) variable is a problem too.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Reject invalid variables
  vars:
    problems: "{{ query('lifeboat.recovery.variable_problems', 'backup') }}"
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join(' ') }}"
"""

RETURN = r"""
_raw:
  description: The problems, each in two short sentences; none if all is well.
  type: list
  elements: str
"""

import typing as t

from ansible.plugins.lookup import LookupBase

from ..plugin_utils import _variables


class LookupModule(LookupBase):
    """The lookup of this file."""

    def run(self, terms: list[str], variables: t.Any = None, **kwargs: t.Any) -> list[str]:
        """Return the problems."""
        self.set_options(var_options=variables, direct=kwargs)
        known, given = self.get_option("known"), variables or {}
        found: list[str] = []
        if known:
            found += _variables.unknown((name for name in given if name.startswith("lifeboat_")), known)
        return found + _variables.problems(terms, given, lambda name: self._templar.template(given[name]))
