# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that says in a few sentences why a task failed."""

from __future__ import annotations

import typing as t

from jinja2 import pass_context

if t.TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENTATION = r"""
name: cause
short_description: Return why a task failed
version_added: 0.1.0
author: Lifeboat contributors
description:
  - Returns the message of a failed task. For a task with a loop, it returns each message of the failed items once. Of a
    program that failed, it returns the first line that it wrote.
  - Of a task with C(no_log) it returns the name and nothing else, because what such a task says may contain secrets.
options:
  _input:
    description: The result of the task, as a rescue finds it in C(ansible_failed_result).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Report what went wrong
  ansible.builtin.debug:
    msg: "{{ ansible_failed_result | lifeboat.recovery.cause }}"
"""

RETURN = r"""
_value:
  description: The message.
  type: str
"""

FAILED_PROGRAM = "non-zero return code"
"""What ansible.builtin.command says of each program that fails."""


@pass_context
def cause(context: Mapping[str, t.Any], result: dict[str, t.Any]) -> str:
    """Return the message of a failed task. `context` are the variables, among which a rescue finds its name."""
    if result.get("_ansible_no_log"):
        name = (context.get("ansible_failed_task") or {}).get("name")
        return f"Task {name or 'without a name'} failed. What it said is hidden, because it has no_log."
    parts = [part for part in result.get("results") or [] if part.get("failed")] or [result]
    messages = [" ".join(_message(part).split()) for part in parts]
    return " ".join(dict.fromkeys(message for message in messages if message)) or "See its output."


def _message(part: dict[str, t.Any]) -> str:
    """Return what a failed task says; of a program, what that said first."""
    message = str(part.get("msg") or part.get("message") or "")
    lines = [line for name in ("stderr", "stdout") for line in str(part.get(name) or "").splitlines() if line.strip()]
    return lines[0] if lines and message == FAILED_PROGRAM else message


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Any]:
        """Return them by name."""
        return {"cause": cause}
