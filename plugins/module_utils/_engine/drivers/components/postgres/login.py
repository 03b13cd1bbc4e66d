# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
How to reach a server, as a user says it: names that are taken as they are, and a password that only its owner may read.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ....ground import private_files, vaults
from ....ground.errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import MutableMapping

NAME_BYTES = 63
"""PostgreSQL cuts longer names without a word, and would so connect to another database."""

PASSWORD_LIMIT = 64 << 10
"""Bytes of a password's file that are read."""

SOCKET_DIRECTORIES = ("/run/postgresql", "/var/run/postgresql", "/tmp")  # noqa: S108 - where servers put their sockets


@dataclasses.dataclass(frozen=True, slots=True)
class Login:
    """
    How to reach a server. A `unix_socket` directory wins over `host`; without either, the usual socket is looked for.

    `password_file` is a file with the password on its first line that only its owner may read. Without a password
    libpq's own ways remain: peer authentication and ~/.pgpass. With `server_uid` a server behind a socket is talked to
    only when it runs as the operating system user of that number.
    """

    host: str = ""
    port: int = 5432
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    password_file: str = ""
    unix_socket: str = ""
    ssl_mode: str = "prefer"
    ca_cert: str | None = None
    ssl_cert: str | None = None
    ssl_key: str | None = None
    server_uid: int | None = None

    @property
    def where(self) -> str:
        """The host or socket directory, as libpq takes it."""
        return self.unix_socket or self.host or _usual_socket(self.port)

    def secret(self) -> str:
        """Return the password, or an empty string. Raise UsageError when its file is missing or others may read it."""
        return self.password or (_read_password(self.password_file) if self.password_file else "")


def forget_environment(environ: MutableMapping[str, str]) -> None:
    """
    Remove what libpq reads from this process's environment: a PGUSER or PGSERVICE of the caller's shell leads no
    session elsewhere, neither ours nor a child's.
    """
    for name in [name for name in environ if name.startswith("PG")]:
        del environ[name]


def check_name(name: str, field: str) -> str:
    """Return `name`. Raise UsageError when PostgreSQL could not hold it."""
    if not name:
        raise UsageError(f"{field} is empty.", "Set a name.", field=field)
    if "\0" in name:
        raise UsageError(f"{field} contains a NUL byte.", "PostgreSQL names cannot contain one.", field=field)
    if len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES:
        raise UsageError(
            f"{field} is longer than {NAME_BYTES} bytes.",
            "PostgreSQL would truncate it; use the name that the server shows.",
            field=field,
        )
    return name


def _usual_socket(port: int) -> str:
    # psycopg's own libpq looks where its builder's servers would be, which is not where the distribution's are.
    for directory in SOCKET_DIRECTORIES:
        if os.path.exists(os.path.join(directory, f".s.PGSQL.{port}")):
            return directory
    return SOCKET_DIRECTORIES[0]


def _read_password(path: str) -> str:
    data = private_files.read(path, f"The password file {path}", PASSWORD_LIMIT, field="login_password_file")
    try:
        password = data.decode().partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError as exc:
        raise UsageError(
            f"The password file {path} is not text in UTF-8.",
            "Correct login_password_file.",
            field="login_password_file",
        ) from exc
    vaults.refuse(password, path, "login_password_file")
    return password
