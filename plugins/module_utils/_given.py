# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The options of a module run, and how they become what requests are made of.

This file is private to the collection. A value that cannot be meant is refused here by the name of its option.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import platform
import pwd
import re
import typing as t

from ._engine.drivers.components.postgres.connection import Login
from ._engine.drivers.components.postgres.replication import LocalServer
from ._engine.drivers.crypto import local_keys
from ._engine.drivers.stores import factory
from ._engine.ground import units
from ._engine.ground.errors import UsageError
from ._engine.records.anomalies import thresholds
from ._engine.records.notifications import contacts
from ._engine.records.repository.catalogue import RepositorySettings
from ._engine.records.repository.trusted_keys import KeySettings

if t.TYPE_CHECKING:
    from collections.abc import Mapping

KEY_VARIABLE = "BACKUP_ENCRYPTION_KEY"


class Given:
    """The options of a module run, and how they become what requests are made of."""

    def __init__(self, params: Mapping[str, t.Any], environ: Mapping[str, str]) -> None:
        self._params = params
        self._environ = environ

    def __getitem__(self, name: str) -> t.Any:
        return self._params[name]

    def many(self, name: str) -> tuple[t.Any, ...]:
        """Return a list option as a tuple, empty when it is not set."""
        return tuple(self._params[name] or ())

    def records(self, name: str) -> tuple[dict[str, t.Any], ...]:
        """Return a list of dictionaries without the keys that are not set."""
        return tuple({key: value for key, value in item.items() if value is not None} for item in self.many(name))

    def texts(self, name: str) -> dict[str, str]:
        """Return a dictionary of texts, empty when it is not set."""
        return {str(key): str(value) for key, value in (self._params[name] or {}).items()}

    def seconds(self, name: str) -> float | None:
        """Return a time such as 12h in seconds, None when it is not set. Raise UsageError when it is none."""
        text = self._params[name]
        return None if text is None else units.parse_duration(text, name)

    def size(self, name: str) -> int:
        """Return a size such as 64MiB in bytes. Raise UsageError when it is none."""
        return units.parse_size(self._params[name], name)

    def mode(self, name: str) -> int:
        """Return permissions such as 0600. Raise UsageError unless they are four octal digits, the first of them 0."""
        # Without the 0 it may be what YAML made of an octal number without quotes.
        text = self._params[name]
        if not re.fullmatch(r"0[0-7]{3}", text, re.ASCII):
            raise UsageError(f"{name}: {text!r} is not a file mode.", 'Use one such as "0600".', field=name)
        return int(text, 8)

    def time(self, name: str) -> datetime.datetime | None:
        """Return a point in time, None when it is not set. Raise UsageError unless it is ISO 8601 with a zone."""
        text = self._params[name]
        if text is None:
            return None
        at = units.point_in_time(text)
        if at is None:
            raise UsageError(
                f"{name}: {text!r} is not a time.",
                "Use one such as 2026-11-20T10:00:00Z, with Z or an offset.",
                field=name,
            )
        return at.astimezone(datetime.UTC)

    def thresholds(self) -> thresholds.Thresholds:
        """Return when a backup is suspicious."""
        return thresholds.parse(self["anomalies"])

    def contacts(self) -> tuple[contacts.Contact, ...]:
        """Return the people to call, in their order. Raise UsageError where one has a time that is none."""
        return contacts.parse(self.records("contacts"))

    def repository(self) -> RepositorySettings:
        """Return the application's repository."""
        return RepositorySettings(
            application=self["application"],
            store=self.store(),
            keys=self.keys(),
            state_dir=self["state_dir"] or None,
        )

    def store(self) -> factory.StoreSettings:
        """Return the store. Raise UsageError when there is none."""
        if not self["store"]:
            raise UsageError("store is not set.", "Set where the backups are stored.", field="store")
        return factory.settings_of(self["store"], self._environ)

    def keys(self) -> KeySettings:
        """Return the keys of the option of that name."""
        options = dict(self["keys"] or {})
        roots = tuple(options.pop("roots", None) or ())
        roots_file = options.pop("roots_file", None)
        if roots_file:
            roots += local_keys.read_roots(roots_file)
        recovery = self._recovery_key(options.pop("recovery_key_file", None))
        return dataclasses.replace(recovery, **options, roots=roots)

    def recovery_key(self) -> KeySettings:
        """Return the recovery key alone, of a module that needs no other."""
        return self._recovery_key(self["recovery_key_file"])

    def _recovery_key(self, path: str | None) -> KeySettings:
        """Return the key at `path`, or without one, the key in the environment if it is there."""
        from_environment = None if path else self._environ.get(KEY_VARIABLE)
        return KeySettings(recovery_key_file=path, recovery_key_hex=from_environment or None)

    def server_host(self) -> str:
        """Return the name of the server's host, which with a socket is this one."""
        host = self["login_host"] or ""
        by_socket = self["login_unix_socket"] or not host or host.startswith("/")
        return platform.node() if by_socket else host

    def local_server(self) -> LocalServer:
        """Return the server of this host."""
        return LocalServer(
            data_dir=self["data_dir"],
            bin_dir=self["bin_dir"],
            unix_socket=self["login_unix_socket"],
            port=self["login_port"],
        )

    def actor(self) -> tuple[str, str]:
        """Return the name of this host, and the operating system's user who runs this."""
        return platform.node(), account()

    def login(self) -> Login:
        """Return the way to the server."""
        return Login(
            host=self["login_host"] or "",
            port=self["login_port"],
            user=self["login_user"] or "",
            password=self["login_password"] or "",
            password_file=self["login_password_file"] or "",
            unix_socket=self["login_unix_socket"] or "",
            ssl_mode=self["ssl_mode"],
            ca_cert=self["ca_cert"],
            ssl_cert=self["ssl_cert"],
            ssl_key=self["ssl_key"],
        )


def account() -> str:
    """Return the name of the operating system's user who runs this."""
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
