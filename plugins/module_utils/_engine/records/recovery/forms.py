# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frozen dataclasses as strict JSON, and back: what a class declares is all that its record may hold."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import typing as t

from ...ground.errors import Tampered

Shape = t.TypeVar("Shape")

_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


def record(value: t.Any) -> t.Any:
    """Return a dataclass, and all that is in it, as what JSON can hold."""
    if dataclasses.is_dataclass(value):
        return {field.name: record(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime.datetime):
        return time_text(value)
    if isinstance(value, dict):
        return {name: record(item) for name, item in value.items()}
    return [record(item) for item in value] if isinstance(value, tuple | list) else value


def read(shape: type[Shape], value: object, what: str) -> Shape:
    """Return the dataclass that a record is of. Raise Tampered where it has a key more or less, or another type."""
    return t.cast("Shape", _read(shape, value, what))


def time_text(moment: datetime.datetime) -> str:
    """Return a time as it stands in records: UTC, to the millisecond."""
    text = moment.astimezone(datetime.UTC).strftime(_TIME)
    return f"{text[:-4]}Z"


def _read(kind: t.Any, value: t.Any, what: str) -> t.Any:
    if dataclasses.is_dataclass(kind):
        kinds = _kinds(t.cast("type", kind))
        _require(isinstance(value, dict) and value.keys() == kinds.keys(), what)
        return t.cast("type", kind)(**{name: _read(kinds[name], item, what) for name, item in value.items()})
    origin, inner = t.get_origin(kind), t.get_args(kind)
    if origin is tuple:
        _require(isinstance(value, list), what)
        return tuple(_read(inner[0], item, what) for item in value)
    if origin is dict:
        _require(isinstance(value, dict), what)
        return {name: _read(inner[1], item, what) for name, item in value.items()}
    if kind is datetime.datetime:
        return _time(value, what)
    if origin is t.Literal:
        _require(isinstance(value, str) and value in inner, what)
    else:  # of bool and int, each is itself alone
        _require(type(value) in (inner or (kind,)), what)
    return value


def _time(value: t.Any, what: str) -> datetime.datetime:
    _require(isinstance(value, str), what)
    try:
        moment = datetime.datetime.strptime(value, _TIME).replace(tzinfo=datetime.UTC)
    except ValueError:
        moment = None
    _require(moment is not None and time_text(moment) == value, what)  # strptime is generous with digits
    return t.cast("datetime.datetime", moment)


@functools.cache
def _kinds(shape: type) -> dict[str, t.Any]:
    """Return the type of each field."""
    hints = t.get_type_hints(shape)
    return {field.name: hints[field.name] for field in dataclasses.fields(shape)}


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise Tampered(f"{what} is malformed.", "Use another copy of it.")
