# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
PostgreSQL's own psql, for what has to work on a host without our runtime, or is asked of a sender of WAL.

The statement is an argument and the server's answer is text. Values that others chose stand in neither without quotes.
"""

from __future__ import annotations

import typing as t

from ....ground import process

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "PGCONNECT_TIMEOUT": "15",
    "PGOPTIONS": "-c standard_conforming_strings=on -c search_path=pg_catalog -c lock_timeout=60s",
}


def ask(where: str, statement: str, *, prefix: Sequence[str] = (), program: str = "psql") -> str:
    """
    Run a statement and return what it answers, its columns separated by `|`. Raise ProcessFailed when it fails.

    `where` is a connection string, as `conninfo` makes it. `prefix` is a program that starts psql, such as setpriv.
    """
    argv = [*prefix, program, "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"]
    argv += ["--set=ON_ERROR_STOP=1", f"--dbname={where}", f"--command={statement}"]
    return process.run(argv, env=_ENVIRONMENT).decode("utf-8", "replace").strip()


def conninfo(parameters: Mapping[str, object]) -> str:
    """Return a connection string of these parameters, without those that are empty."""
    return " ".join(f"{name}={_quoted(str(value))}" for name, value in parameters.items() if value not in {"", None})


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
