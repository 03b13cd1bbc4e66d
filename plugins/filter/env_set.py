# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that sets values in the text of an environment file."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ..module_utils._engine.ground.errors import UsageError
from ..plugin_utils import _env_file

DOCUMENTATION = r"""
name: env_set
short_description: Set values in the text of an environment file
version_added: 0.1.0
author: Lifeboat contributors
description:
  - Returns the text of a file of lines C(NAME=value) with some values set, and the names of those that change. All
    other lines stay as they are.
  - A value with a line break, a single quote or a backslash is rejected, because readers of such files disagree on it.
options:
  _input:
    description: The text of the file.
    type: str
    required: true
  values:
    description: The values by their names.
    type: dict
    required: true
positional: values
"""

EXAMPLES = r"""
- name: Show what would change
  ansible.builtin.debug:
    msg: "{{ (lookup('ansible.builtin.file', 'shop.env') | lifeboat.recovery.env_set({'PORT': 8000})).names }}"
"""

RETURN = r"""
_value:
  description: The text as C(text), and the names of what changes as C(names).
  type: dict
"""


def env_set(text: str, values: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the text with these values, and the names of those that change."""
    try:
        merged, changed = _env_file.merged(text, _env_file.checked(values, "values"))
    except UsageError as exc:
        raise AnsibleFilterError(str(exc)) from exc
    return {"text": merged, "names": changed}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Any]:
        """Return them by name."""
        return {"env_set": env_set}
