# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The test that chooses databases by shell-style patterns."""

from __future__ import annotations

import fnmatch
import typing as t

DOCUMENTATION = r"""
name: matches_any
short_description: Whether a name fits one of several patterns
version_added: 0.1.0
author: Lifeboat contributors
description:
  - Compares a name with shell-style patterns, where C(*) stands for any characters and C(?) for one.
positional: patterns
options:
  _input:
    description: The name.
    type: str
    required: true
  patterns:
    description: The patterns.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Choose the databases of the shop
  ansible.builtin.set_fact:
    chosen: "{{ databases | select('lifeboat.recovery.matches_any', ['shop', 'shop_*']) }}"
"""

RETURN = r"""
_value:
  description: Whether the name fits.
  type: bool
"""


def matches_any(name: str, patterns: list[str]) -> bool:
    """Tell whether `name` fits one of `patterns`, case counting."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


class TestModule:
    """The tests of this file."""

    def tests(self) -> dict[str, t.Any]:
        """Return them by name."""
        return {"matches_any": matches_any}
