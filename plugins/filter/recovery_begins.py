# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that says which steps of a stage of a recovery begin."""

from __future__ import annotations

import typing as t

from ..plugin_utils import _stages

DOCUMENTATION = r"""
name: recovery_begins
short_description: Return which steps of a stage begin
version_added: 0.1.0
author: Lifeboat contributors
description:
  - Returns what the steps of one stage of a recovery plan come to before they begin.
    Role P(lifeboat.recovery.recover#role) uses it.
positional: verdicts, reasons, settled, now
options:
  _input:
    description: The steps of the stage.
    type: list
    elements: dict
    required: true
  verdicts:
    description: For each step V(run), V(wait) or V(refuse), and nothing for one whose condition was false.
    type: dict
    required: true
  reasons:
    description: Why a step is refused.
    type: dict
    required: true
  settled:
    description: The steps that are over.
    type: list
    elements: str
    required: true
  now:
    description: The time in seconds of the epoch.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Decide what begins
  ansible.builtin.set_fact:
    stage: "{{ steps | lifeboat.recovery.recovery_begins(verdicts, reasons, [], now(utc=true).timestamp()) }}"
"""

RETURN = r"""
_value:
  description: The steps by verdict, C(ended) for those that do not begin, and C(open) and C(left) for those that do.
  type: dict
"""


def recovery_begins(
    steps: list[t.Any], verdicts: dict[str, str], reasons: dict[str, str], settled: list[str], now: float
) -> dict[str, t.Any]:
    """Return which steps begin."""
    return _stages.begins(steps, verdicts, reasons, settled, now)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Any]:
        """Return them by name."""
        return {"recovery_begins": recovery_begins}
