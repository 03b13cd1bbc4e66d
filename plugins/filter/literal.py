# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that writes values for Ansible to read back."""

from __future__ import annotations

import typing as t

from ..module_utils._engine.literals import literal

DOCUMENTATION = r"""
name: literal
short_description: Give values as text that is no template
version_added: 0.1.0
author: Lifeboat contributors
description:
  - A file of variables is a file of templates - what looks like one in a value is evaluated when the file is read. This
    filter puts each such text into an expression that means just that text, at any depth of lists and dictionaries.
options:
  _input:
    description: What is about to be written.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Write variables that another Ansible reads
  ansible.builtin.copy:
    content: "{{ variables | lifeboat.recovery.literal | to_nice_yaml }}"
    dest: /etc/lifeboat/variables.yml
    mode: "0640"
"""

RETURN = r"""
_value:
  description: The same, safe to be read as templates.
  type: raw
"""


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Any]:
        """Give them by name."""
        return {"literal": literal}
