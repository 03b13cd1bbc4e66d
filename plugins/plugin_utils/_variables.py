# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What is wrong with the variables that people set, in their names and in two short sentences each.

This file is private to the collection. A role knows its own options; which variable each takes its value from stands in
its specification ("Set C(VARIABLE)."), and whether that must be set, in its defaults. What all roles need is in role
settings, on which they depend.
"""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils import _argspec
from ..module_utils._engine.ground import units
from ..module_utils._engine.ground.entries import nearest
from ..module_utils._engine.ground.errors import UsageError
from ..module_utils._engine.records.host import settings as host_settings
from . import _services

ROLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "roles")

TYPES = {
    "bool": "true or false",
    "dict": "a dictionary",
    "float": "a number",
    "int": "a whole number",
    "list": "a list, such as [one, two]",
    "path": "a path",
    "str": "a text",
}

INSIDE: dict[str, dict[str, t.Any]] = {
    "lifeboat_anomalies": _argspec.anomalies().options["anomalies"]["options"],
    "lifeboat_bucket": _argspec.bucket().options["bucket"]["options"],
    "lifeboat_store": _argspec.store().options["store"]["options"],
}
"""What is in a dictionary, which is a module's business and not the role's."""

TIMES = frozenset(
    {"lifeboat_max_age", "lifeboat_retention_garbage_age", "lifeboat_service_timeout", "lifeboat_service_within"}
)
SIZES = frozenset({"lifeboat_min_bytes", "lifeboat_store_capacity"})

LONGEST = 60

_SET = re.compile(r"Set C\((lifeboat_\w+)\)")
_TAKEN = re.compile(r"\s*\{\{\s*(lifeboat_\w+)\s*(?:\|\s*default(\(.*\))\s*)?\}\}\s*", re.DOTALL)
_SECRET = re.compile(r"password|secret|token|credential|notify|pings|history", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """One variable as a role wants it."""

    variable: str
    spec: dict[str, t.Any]
    meaning: str
    required: bool


def options_of(role: str) -> list[Option]:
    """Return the variables that a role of this collection takes, those that it shares with all others last."""
    entries = _read(role, "meta", "argument_specs.yml")["argument_specs"]
    specs = entries.get("main", entries.get("values"))["options"]
    defaults = _read(role, "defaults", "main.yml") or {}
    taken = {name: found for name, value in defaults.items() if (found := _taken(value))}
    options: list[Option] = []
    for name, spec in specs.items():
        description = spec.get("description", "")
        text = " ".join(description) if isinstance(description, list) else description
        # What a role makes something else of, or computes, is not the variable itself.
        if (found := _SET.search(text)) and taken.get(name, ("",))[0] == found[1]:
            meaning = text[: found.start()].strip().rstrip(".")
            wanted = {key: spec[key] for key in ("type", "choices", "elements") if key in spec}
            wanted["options"] = INSIDE.get(found[1]) or spec.get("options")
            options.append(Option(found[1], wanted, meaning, required=taken[name][1]))
    shares = os.path.exists(os.path.join(ROLES, role, "meta", "main.yml"))
    return options + (options_of("settings") if shares else [])


def _taken(value: t.Any) -> tuple[str, bool] | None:
    """Return the variable that a default passes on as it is, and whether it must be set."""
    found = _TAKEN.fullmatch(value) if isinstance(value, str) else None
    if found is None or (found[2] and not _is_one_pair(found[2])):
        return None
    return found[1], found[2] is None


def _is_one_pair(text: str) -> bool:
    """Whether the first parenthesis is closed by the last: what follows a default is no part of it."""
    depth = 0
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if not depth:
            return place == len(text) - 1
    return False


def _read(role: str, *path: str) -> t.Any:
    with open(os.path.join(ROLES, role, *path), encoding="utf-8") as file:
        return yaml.safe_load(file)


def unknown(names: t.Iterable[str], known: t.Collection[str]) -> list[str]:
    """Return what is wrong with names: nobody reads them."""
    return [
        f"{name}: no such variable of lifeboat.recovery{_nearest(name, known)}"
        for name in sorted(set(names) - set(known))
    ]


def problems(roles: t.Iterable[str], names: t.Container[str], value_of: t.Callable[[str], t.Any]) -> list[str]:
    """Return what is wrong with the variables that these roles take; `value_of` evaluates one that is set."""
    found: dict[str, str] = {}
    for option in (option for role in roles for option in options_of(role)):
        if option.variable in found:
            continue
        if option.variable not in names:
            said = _missing(option) if option.required else ""
        else:
            said = _wrong(option, value_of)
        if said:
            found[option.variable] = said
    return [found[name] for name in sorted(found)]


def _missing(option: Option) -> str:
    how = (
        "in the inventory" if option.spec.get("type") == "dict" else f"in the inventory, or with -e {option.variable}=…"
    )
    return f"{option.variable} is not set. Set it {how} ({option.meaning})."


def _wrong(option: Option, value_of: t.Callable[[str], t.Any]) -> str:
    name = option.variable
    try:
        value = value_of(name)
        if value is None or value == "":
            return _missing(option) if option.required else ""
        return _misfit(name, option.spec, value) or _parts(name, option.spec, value) or _measure(name, value)
    except AnsibleError as exc:
        cause = str(getattr(exc, "message", exc)).splitlines()[0].rstrip(". ")
        return f"{name} cannot be evaluated: {cause}. Correct its template, or set the variables in it."


def _misfit(name: str, spec: dict[str, t.Any], value: t.Any) -> str:
    flat = {key: spec[key] for key in ("type", "choices", "elements") if key in spec}
    given = ArgumentSpecValidator({"value": flat}).validate({"value": value})
    if not given.error_messages:
        return ""
    choices = [str(choice) for choice in spec.get("choices") or ()]
    if choices:
        return f"{name} cannot be {_shown(name, value)}. Use one of {', '.join(choices)}{_nearest(str(value), choices)}"
    wanted = TYPES.get(spec.get("type", "str"), "another value")
    if spec.get("type") == "list" and isinstance(value, list):
        wanted = f"a list, each entry of it {TYPES.get(spec.get('elements', 'str'), 'another value')}"
    return f"{name} cannot be {_shown(name, value)}. Use {wanted}."


def _parts(name: str, spec: dict[str, t.Any], value: t.Any) -> str:
    """Return what is wrong in a dictionary, or in a list of them, whose keys are known."""
    options = spec.get("options")
    if not options:
        return ""
    entries = value if isinstance(value, list) else [value]
    return next((said for entry in entries if isinstance(entry, dict) and (said := _inside(name, options, entry))), "")


def _inside(name: str, options: dict[str, t.Any], value: dict[str, t.Any]) -> str:
    for key in value:
        if key not in options:
            close = _nearest(str(key), options)
            return f"{name} has no key {str(key)[:LONGEST]!r}. Use some of {', '.join(options)}{close}"
    for key, spec in options.items():
        if spec.get("required") and value.get(key) in (None, ""):
            return f"{name} has no key {key}. Set it."
        if value.get(key) is not None and (said := _misfit(f"{name}.{key}", spec, value[key])):
            return said
    return ""


def _measure(name: str, value: t.Any) -> str:
    try:
        if name in TIMES:
            units.parse_duration(str(value), name)
        if name in SIZES:
            units.parse_size(str(value), name)
        if name == _services.FIELD:  # which hosts there are, the role knows
            _services.parse(value, lambda pattern: [pattern])
    except UsageError as exc:
        return str(exc)
    return ""


def _nearest(given: str, allowed: t.Iterable[str]) -> str:
    close = nearest(given, allowed)
    return f"; did you mean {close}?" if close else "."


def _shown(name: str, value: t.Any) -> str:
    """Return a value as it may be shown: what is long, or may hold a secret, is only called by its kind."""
    if isinstance(value, dict | list):
        return "a dictionary" if isinstance(value, dict) else "a list"
    if _SECRET.search(name):
        return "what it is"
    text = repr(host_settings.masked(str(value), name))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
