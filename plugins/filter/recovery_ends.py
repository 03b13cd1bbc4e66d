# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that says which steps of a stage of a recovery ended."""

from __future__ import annotations

import typing as t

from ..plugin_utils import _stages

DOCUMENTATION = r"""
name: recovery_ends
short_description: Return which steps of a stage ended
version_added: 0.1.0
author: Lifeboat contributors
description:
  - Returns what an attempt at the steps of one stage of a recovery plan came to.
    Role P(lifeboat.recovery.recover#role) uses it.
positional: opened, results, attempt, now
options:
  _input:
    description: The steps of the stage.
    type: list
    elements: dict
    required: true
  opened:
    description: The steps that began, with their hosts and deadlines.
    type: dict
    required: true
  results:
    description: What each host recorded.
    type: dict
    required: true
  attempt:
    description: The number of the attempt.
    type: int
    required: true
  now:
    description: The time in seconds of the epoch.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Decide what ended
  ansible.builtin.set_fact:
    stage: "{{ steps | lifeboat.recovery.recovery_ends(opened, results, 1, now(utc=true).timestamp()) }}"
"""

RETURN = r"""
_value:
  description: The steps that C(ended), and C(open) and C(left) for those that are tried again.
  type: dict
"""


def recovery_ends(
    steps: list[t.Any], opened: dict[str, t.Any], results: dict[str, t.Any], attempt: int, now: float
) -> dict[str, t.Any]:
    """Return which steps ended."""
    return _stages.ends(steps, opened, results, attempt, now)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Any]:
        """Return them by name."""
        return {"recovery_ends": recovery_ends}
