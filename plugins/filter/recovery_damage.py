# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that says which databases are damaged."""

from __future__ import annotations

import typing as t

from ..plugin_utils import _damage

DOCUMENTATION = r"""
name: recovery_damage
short_description: Return what an assessment of databases found
version_added: 0.1.0
author: Lifeboat contributors
description:
  - Returns a sentence that names the damaged databases, tables and indexes.
    Role P(lifeboat.recovery.recover#role) uses it.
options:
  _input:
    description: The results of the assessments, one for each database.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Tell what is damaged
  ansible.builtin.debug:
    msg: "{{ assessed.results | lifeboat.recovery.recovery_damage }}"
"""

RETURN = r"""
_value:
  description: The sentence.
  type: str
"""


def recovery_damage(assessed: list[dict[str, t.Any]]) -> str:
    """Return what to say of the databases."""
    return _damage.told(assessed)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Any]:
        """Return them by name."""
        return {"recovery_damage": recovery_damage}
