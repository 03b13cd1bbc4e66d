# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Values as text that Ansible reads back as they are: what looks like a template in them is no template.

A check's query may well hold `'{{1,2},{3,4}}'`, an array of PostgreSQL, and a file that Ansible reads as variables
would make a template of it.
"""

from __future__ import annotations

import json
import typing as t

_MARKS = ("{{", "{%", "{#")


def literal(value: t.Any) -> t.Any:
    """Give the value with each text that would be taken for a template inside of an expression that means that text."""
    if isinstance(value, str):
        # Jinja reads what JSON puts between quotes as the same text, and there braces end nothing. Only beyond the
        # 65,536 first characters its escapes differ, so there are none.
        return (
            f"{{{{ {json.dumps(str(value), ensure_ascii=False)} }}}}"
            if any(mark in value for mark in _MARKS)
            else str(value)
        )
    if isinstance(value, dict):
        return {literal(key): literal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [literal(item) for item in value]
    return value
