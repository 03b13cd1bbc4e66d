# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What role `host` wrote down about a host, for the host's own tools: `<config_dir>/host.json`. It holds no secret.

Each setting is known by the variable that people set, and whether they did; the rest are defaults of the roles.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ...ground import disk
from ...ground.errors import NotFound, StoreError, UsageError
from ...ground.host_state import SETTINGS

if t.TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 1 << 20

MASK = "********"

_SECRET = re.compile(r"(password|secret|token|credential|hex)", re.IGNORECASE)
_HARMLESS = re.compile(r"(_file|_url)$")
_LOGIN_IN_ADDRESS = re.compile(r"//[^/\s]+@")
_ENVIRONMENT = re.compile(
    r"BACKUP_ENCRYPTION_KEY|AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|PROFILE|REGION|DEFAULT_REGION"
    r"|ENDPOINT_URL(_S3)?|SHARED_CREDENTIALS_FILE)|LIFEBOAT_\w+"
)
_SECRET_ENVIRONMENT = re.compile(r"KEY|SECRET|TOKEN|PASSWORD")


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its value, with secrets masked, and where that comes from."""

    name: str
    value: t.Any
    source: str


@dataclasses.dataclass(frozen=True, slots=True)
class HostSettings:
    """
    A host's settings: `variables` by name, `set` those that people set, `store` and `keys` as the modules take them.

    `login` is None on a host without a server of its own.
    """

    path: str
    variables: Mapping[str, t.Any]
    set: frozenset[str]
    store: Mapping[str, t.Any]
    keys: Mapping[str, t.Any]
    login: Mapping[str, t.Any] | None

    def value(self, name: str, default: t.Any = None) -> t.Any:
        """Return the value of `lifeboat_<name>`, or the default when it is not there or empty."""
        found = self.variables.get(f"lifeboat_{name}")
        return default if found is None or found == "" else found

    def shown(self, environ: Mapping[str, str]) -> list[Setting]:
        """Return every setting that counts here, and what of the environment does, with secrets masked."""
        listed = [
            Setting(name, masked(value, name), "inventory" if name in self.set else "default")
            for name, value in sorted(self.variables.items())
        ]
        groups = (("store", self.store), ("keys", self.keys), ("login", self.login or {}))
        listed += [
            Setting(f"{group}.{key}", masked(value, key), self.path)
            for group, values in groups
            for key, value in sorted(values.items())
            if value not in (None, "")
        ]
        listed += [
            Setting(name, MASK if _SECRET_ENVIRONMENT.search(name) else masked(value), "environment")
            for name, value in sorted(environ.items())
            if _ENVIRONMENT.fullmatch(name)
        ]
        return listed


def read(config_dir: str) -> HostSettings:
    """Read the settings. Raise NotFound when there are none, UsageError when the file is not one of ours."""
    path = SETTINGS.path(config_dir)
    try:
        record = json.loads(b"".join(disk.read_blocks(path, length=LARGEST)))
        if record["format"] != SETTINGS.format:
            raise ValueError(record["format"])
        made = HostSettings(
            path=path,
            variables=_mapping(record["variables"]),
            set=frozenset(record["set"]),
            store=_mapping(record["store"]),
            keys=_mapping(record["keys"]),
            login=None if record["login"] is None else _mapping(record["login"]),
        )
        if not made.value("application") or not made.store.get("url"):
            raise ValueError(path)
    except NotFound as exc:
        raise NotFound(
            f"There is no {path}, so the settings of this host are unknown.",
            "Run playbook lifeboat.recovery.install for it, or set --config-dir.",
            path=path,
        ) from exc
    except StoreError as exc:
        raise UsageError(exc.cause, "Run this as root or as the user of the backups.", path=path) from exc
    except (ValueError, TypeError, KeyError) as exc:
        raise UsageError(
            f"{path} does not contain a host's settings.",
            "Run playbook lifeboat.recovery.install again.",
            path=path,
        ) from exc
    return made


def masked(value: t.Any, name: str = "") -> t.Any:
    """Return a value in which nothing that is called a secret can be read, and no password of an address."""
    if isinstance(value, dict):
        return {key: masked(item, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, name) for item in value]
    secret = _SECRET.search(name) and not _HARMLESS.search(name)
    if secret and value not in (None, "") and not isinstance(value, bool):
        return MASK
    return _LOGIN_IN_ADDRESS.sub(f"//{MASK}@", value) if isinstance(value, str) else value


def _mapping(value: object) -> Mapping[str, t.Any]:
    if not isinstance(value, dict):
        raise TypeError(value)
    return value
