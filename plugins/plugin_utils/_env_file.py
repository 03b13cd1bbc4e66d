# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Files of lines NAME=value, which systemd, Docker Compose and dotenv read: values are set, and all other lines stay.

This file is private to the collection. The three do not agree on escapes, so a value is written plainly or within
single quotes, and one that needs more is refused.
"""

from __future__ import annotations

import re
import typing as t

from ..module_utils._engine.ground.errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=?&~^!*;()<>|{}\[\]-]*", re.ASCII)
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")


def checked(values: Mapping[str, t.Any], field: str) -> dict[str, str]:
    """Return the values as text. Raise UsageError for one that not all readers of such files would read the same."""
    found = {}
    for name, value in values.items():
        if not _NAME.fullmatch(name):
            raise UsageError(f"{field}.{name} is no name of a variable.", "Use letters, digits and _.", field=field)
        if value is None or isinstance(value, dict | list):
            raise UsageError(f"{field}.{name} is no text.", "Set a text or a number.", field=f"{field}.{name}")
        text = ("true" if value else "false") if isinstance(value, bool) else str(value)
        if not text.isprintable() or "'" in text or "\\" in text:
            raise UsageError(
                f"{field}.{name} has a line break, a single quote or a backslash, which readers of such files take"
                " differently.",
                "Encode it, as %27 in a URL, or use format template.",
                field=f"{field}.{name}",
            )
        found[name] = text
    return found


def merged(text: str, values: Mapping[str, str]) -> tuple[str, list[str]]:
    """
    Return the text with these values, and the names of those that change. A line that is there is replaced in its
    place, a second one of the same name is dropped, and what is missing is added at the end.
    """
    lines: list[str] = []
    left = dict(values)
    changed: list[str] = []
    for line in text.splitlines():
        name = found[1] if (found := _LINE.match(line)) else ""
        if name not in values:
            lines.append(line)
        elif name in left:
            wanted = f"{name}={_quoted(left.pop(name))}"
            changed += [name] if wanted != line else []
            lines.append(wanted)
        else:
            changed.append(name)
    lines += [f"{name}={_quoted(value)}" for name, value in left.items()]
    changed += list(left)
    return "".join(f"{line}\n" for line in lines), list(dict.fromkeys(changed))


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else f"'{value}'"
