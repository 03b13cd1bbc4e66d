# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The people to call. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The option O(contacts)."""

    DOCUMENTATION = r"""
options:
  contacts:
    description: The people to call, of whom reports and urgent messages say who comes next. Nobody is called.
    type: list
    elements: dict
    default: []
    suboptions:
      role:
        description: What for.
        type: str
        default: ""
      name:
        description: Who.
        type: str
        default: ""
      phone:
        description: The telephone number.
        type: str
        default: ""
      email:
        description: The email address.
        type: str
        default: ""
      availability:
        description: When, such as V(24x7).
        type: str
        default: ""
      level:
        description: The order of calling. Those of level 1 come first.
        type: int
        default: 1
      within:
        description: How soon an answer is expected before the next level is called, such as V(15m).
        type: str
        default: ""
      vendor:
        description: Whether this is somebody outside, who is listed and is no level.
        type: bool
        default: false
"""
