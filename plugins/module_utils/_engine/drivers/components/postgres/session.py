# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every session of ours is set to, whatever its role and its database say."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

RESTRICTION = "restrict_nonsystem_relation_kind"
"""What keeps a session out of users' views and foreign tables, on servers without CVE-2024-7348."""

RESTRICTED = "view,foreign-table"

IS_RESTRICTED = f"SELECT pg_catalog.current_setting('{RESTRICTION}', true)"

TEXT_FORMS: Mapping[str, str] = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "3",
    "lc_monetary": "C",
    "xmlbinary": "base64",
    "quote_all_identifiers": "off",
}
"""What the text form of a value depends on: the same on the source and on a restored copy."""

_SETTINGS: Mapping[str, str] = {
    "search_path": "pg_catalog",
    "role": "none",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "row_security": "off",
    "synchronize_seqscans": "off",
    "default_transaction_deferrable": "off",
    "default_transaction_isolation": "read committed",
    "standard_conforming_strings": "on",
    "application_name": "lifeboat",
    # A client whose machine died holds locks, until the server asks whether it is still there: in two hours otherwise.
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "6",
    **TEXT_FORMS,
}

FROM_THE_START = " ".join(
    f"-c {setting}"
    for setting in (
        "role=none",
        "statement_timeout=0",
        "lock_timeout=0",
        "idle_in_transaction_session_timeout=0",
        "idle_session_timeout=0",
    )
)
"""What must hold before the first statement: a role's timeout of a millisecond would end the one that lifts it."""


def preparation(changes: Mapping[str, str]) -> str:
    """Return the statements that set a session up, with `changes` (setting and plain value) beside the fixed ones."""
    pairs = ", ".join(f"('{name}', '{value}')" for name, value in {**_SETTINGS, **changes}.items())
    # The search path is fixed before a statement has an operator: a database's owner may have led it to his own.
    return (
        f"SELECT pg_catalog.set_config(n, v, false) FROM (VALUES {pairs}) AS s (n, v); "  # noqa: S608 - constants
        + restriction(RESTRICTED)
    )


def restriction(kinds: str) -> str:
    """Return the statement that keeps a session out of relations of these kinds, and does nothing on older servers."""
    return (
        f"SELECT pg_catalog.set_config(name, '{kinds}', false) FROM pg_catalog.pg_settings "  # noqa: S608 - constants
        f"WHERE name = '{RESTRICTION}'"
    )
