# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Settings as catalogues keep them, `name=value`, and as ALTER ROLE and ALTER DATABASE take them."""

from __future__ import annotations

from .connection import quote_identifier, quote_literal

_LISTS = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
        "oauth_validator_libraries",
        "restrict_nonsystem_relation_kind",
    }
)
"""Settings whose stored value is a list of quoted names: given back as one string, it would be one odd name."""


def assignment(setting: str) -> str:
    """Return `"name" TO value` for a stored `name=value`."""
    name, _equals, value = setting.partition("=")
    quoted_name = ".".join(quote_identifier(part) for part in name.split("."))
    if name.lower() in _LISTS:
        return f"{quoted_name} TO {', '.join(map(quote_literal, split_list(value))) or quote_literal('')}"
    return f"{quoted_name} TO {quote_literal(value)}"


def split_list(value: str) -> list[str]:
    """Cut a stored list at its commas; a name in double quotes may hold commas, and quotes doubled."""
    names: list[str] = []
    name, quoted, seen = "", False, False
    index = 0
    while index < len(value):
        character = value[index]
        if character == '"':
            if quoted and value[index + 1 : index + 2] == '"':
                name += '"'
                index += 1
            else:
                quoted, seen = not quoted, True
        elif character == "," and not quoted:
            names.append(name)
            name, seen = "", False
        elif quoted or not character.isspace():
            name += character
        index += 1
    return [*names, name] if name or seen or names else []
