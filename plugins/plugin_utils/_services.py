# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The services of an application as people write them in lifeboat_services, read strictly before a host is touched.

This file is private to the collection. Each service is returned with all keys, so that tasks need no defaults.
"""

from __future__ import annotations

import json
import os
import re
import typing as t

from ..module_utils._engine.ground.entries import argv, each, line, mapping, require_known, text, unknown
from ..module_utils._engine.ground.errors import UsageError
from ..module_utils._engine.records.checks.parsing import parse as parse_checks
from . import _env_file

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection

    Entry: t.TypeAlias = "t.Mapping[str, t.Any]"

FIELD = "lifeboat_services"
MANAGERS = {
    "systemd": ("unit",),
    "pm2": ("process", "ecosystem"),
    "compose": ("project", "project_src"),
    "tasks": ("tasks",),
}
"""What runs a service, and the keys that it has for that."""

_COMMON = ("name", "hosts", "manager", "user", "deploy", "config", "certificates", "checks", "read_only")
_DEPLOY = ("git", "archive", "version", "dest", "packages", "key_file", "build", "migrate", "migrate_unless")
_CONFIG = ("path", "format", "set", "src", "owner", "group", "mode")
_CERTIFICATE = ("cert", "key", "cert_path", "key_path", "owner", "group")
_READ_ONLY = ("set", "databases")
_MODE = re.compile(r"0[0-7]{3}", re.ASCII)


def parse(entries: t.Any, matching: Callable[[str], Collection[str]]) -> list[dict[str, t.Any]]:
    """
    Return the services, in the order in which they start; `matching` gives the hosts that a pattern means.

    Raise UsageError that names the key at fault.
    """
    if not isinstance(entries, list):
        raise UsageError(f"{FIELD} is no list.", "Set a list of services.", field=FIELD)
    found: list[dict[str, t.Any]] = []
    for number, entry in enumerate(entries):
        service = _service(mapping(entry, f"{FIELD}[{number}]"), f"{FIELD}[{number}]", matching)
        if any(service["name"] == other["name"] for other in found):
            raise UsageError(
                f"{FIELD} has two services named {service['name']!r}.",
                "Give each its own name.",
                field=f"{FIELD}[{number}].name",
            )
        found.append(service)
    return found


def _service(entry: Entry, field: str, matching: Callable[[str], Collection[str]]) -> dict[str, t.Any]:
    manager = entry.get("manager", "systemd")
    if manager not in MANAGERS:
        raise unknown(f"{field}.manager {manager!r}", str(manager), tuple(MANAGERS))
    require_known(entry, (*_COMMON, *MANAGERS[manager]), field)
    name, user = text(entry, "name", field), text(entry, "user", field, "root")
    configs = [_config(one, place) for one, place in each(entry, "config", field)]
    deploy = _deploy(entry["deploy"], f"{field}.deploy") if entry.get("deploy") else {}
    return {
        "name": name,
        "hosts": _hosts(entry, field, matching),
        "manager": manager,
        **_managed(entry, manager, field, name, deploy),
        "user": user,
        "deploy": deploy,
        "config": configs,
        "certificates": [_certificate(one, place) for one, place in each(entry, "certificates", field)],
        "checks": _checks(entry, field),
        "read_only": _read_only(entry, field, configs),
    }


def _hosts(entry: Entry, field: str, matching: Callable[[str], Collection[str]]) -> list[str]:
    patterns = [line(one, f"{field}.hosts") for one, _place in each(entry, "hosts", field)]
    for pattern in patterns:
        if not matching(pattern):
            raise UsageError(
                f"{field}.hosts: {pattern!r} names no host of the inventory.",
                "Use names of hosts or groups, or patterns of them.",
                field=f"{field}.hosts",
            )
    if not patterns:
        raise UsageError(f"{field}.hosts is not set.", "Set on which hosts the service runs.", field=f"{field}.hosts")
    # One pattern, as a play has it: an exclusion in a list counts for the others.
    return list(matching(":".join(patterns)))


def _managed(entry: Entry, manager: str, field: str, name: str, deploy: Entry) -> dict[str, t.Any]:
    """Return what runs the service, under the names of all managers."""
    listed = {key: [line(one, place) for one, place in each(entry, key, field)] for key in ("unit", "process")}
    given = {key: text(entry, key, field, "") for key in ("ecosystem", "project", "project_src", "tasks")}
    needed = {"systemd": "unit", "pm2": "process", "compose": "project_src", "tasks": "tasks"}[manager]
    if not {**listed, **given}[needed]:
        raise UsageError(
            f"{field}.{needed} is not set, which manager {manager} needs.", "Set it.", field=f"{field}.{needed}"
        )
    units = [unit if "." in unit else f"{unit}.service" for unit in listed["unit"]]
    defaults = {"project": name, "ecosystem": os.path.join(deploy.get("dest", ""), "ecosystem.config.js")}
    if manager == "pm2" and not given["ecosystem"] and not deploy:
        raise UsageError(
            f"{field}.ecosystem is not set.", "Set the path of the ecosystem file.", field=f"{field}.ecosystem"
        )
    return {**given, **{key: given[key] or value for key, value in defaults.items()}, **listed, "unit": units}


def _deploy(value: t.Any, field: str) -> dict[str, t.Any]:
    entry = mapping(value, field)
    require_known(entry, _DEPLOY, field)
    sources = [key for key in ("git", "archive") if entry.get(key)]
    if len(sources) > 1:
        raise UsageError(f"{field} has git and archive.", "Set one of them.", field=field)
    if sources == ["git"] and not entry.get("version"):
        raise UsageError(
            f"{field}.version is not set.",
            "Set the tag, branch or commit that is to run, so that a recovery brings back what ran.",
            field=f"{field}.version",
        )
    build = [argv(one, place) for one, place in each(entry, "build", field)]
    found = {key: text(entry, key, field, "") for key in ("git", "archive", "version", "key_file")}
    dest = _path(entry, "dest", field)
    packages = [line(one, place) for one, place in each(entry, "packages", field)]
    migrate = {
        key: argv(entry[key], f"{field}.{key}") if entry.get(key) else [] for key in ("migrate", "migrate_unless")
    }
    made = {"dest": dest, "packages": packages, "build": build, **migrate}
    # What was built of what: a build that was broken off, or another one, is not taken for done.
    recipe = json.dumps({"source": found["git"] or found["archive"], "build": build}, sort_keys=True)
    return {**found, **made, "recipe": recipe}


def _config(value: t.Any, field: str) -> dict[str, t.Any]:
    entry = mapping(value, field)
    require_known(entry, _CONFIG, field)
    kind = entry.get("format", "env")
    if kind not in {"env", "template"}:
        raise unknown(f"{field}.format {kind!r}", str(kind), ("env", "template"))
    wanted, other = ("set", "src") if kind == "env" else ("src", "set")
    if not entry.get(wanted) or entry.get(other):
        raise UsageError(
            f"{field} of format {kind} needs {wanted}, and has no {other}.", "Correct it.", field=f"{field}.{wanted}"
        )
    values = _env_file.checked(mapping(entry.get("set", {}), f"{field}.set"), f"{field}.set")
    mode = text(entry, "mode", field, "")
    if mode and not _MODE.fullmatch(mode):
        raise UsageError(f"{field}.mode {mode!r} is no file mode.", 'Use one such as "0640".', field=f"{field}.mode")
    rest = {key: text(entry, key, field, "") for key in ("src", "owner", "group")}
    return {"path": _path(entry, "path", field), "format": kind, "set": values, "mode": mode, **rest}


def _certificate(value: t.Any, field: str) -> dict[str, str]:
    entry = mapping(value, field)
    require_known(entry, _CERTIFICATE, field)
    paths = {key: _path(entry, key, field) for key in ("cert_path", "key_path")}
    sources = {key: text(entry, key, field) for key in ("cert", "key")}
    return {**sources, **paths, **{key: text(entry, key, field, "root") for key in ("owner", "group")}}


def _checks(entry: Entry, field: str) -> list[t.Any]:
    checks = [one for one, _place in each(entry, "checks", field)]
    parse_checks(checks, f"{field}.checks")
    return checks


def _read_only(entry: Entry, field: str, configs: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    place = f"{field}.read_only"
    given = mapping(entry.get("read_only") or {}, place)
    require_known(given, _READ_ONLY, place)
    values = _env_file.checked(mapping(given.get("set", {}), f"{place}.set"), f"{place}.set")
    first = next((config for config in configs if config["format"] == "env"), {"set": {}})
    for name in values:
        if name not in first["set"]:
            raise UsageError(
                f"{place}.set.{name} has no value to go back to.",
                f"Set {name} in the config of format env too.",
                field=f"{place}.set.{name}",
            )
    databases = [_database(one, at) for one, at in each(given, "databases", place)]
    return {"set": values, "databases": databases}


def _database(value: t.Any, field: str) -> dict[str, str]:
    entry = mapping(value, field)
    require_known(entry, ("host", "name"), field)
    return {key: text(entry, key, field) for key in ("host", "name")}


def _path(entry: Entry, key: str, field: str) -> str:
    path = text(entry, key, field)
    if not os.path.isabs(path) or os.path.normpath(path) != path.rstrip("/") or path == "/":
        raise UsageError(f"{field}.{key} is no absolute path.", "Use one such as /srv/shop.", field=f"{field}.{key}")
    return path.rstrip("/")
