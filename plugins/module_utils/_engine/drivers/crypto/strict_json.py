# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
JSON without the room that JSON leaves: UTF-8, no duplicate keys, no floats, and only the keys that were agreed on.

Two readers must never see two different records in the same signed bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import typing as t

from ...ground.errors import Tampered, UsageError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    Kind: t.TypeAlias = "type | tuple[type, ...]"

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def loads(data: bytes, *, limit: int) -> object:
    """Parse `data`, at most `limit` bytes of it. Raise Tampered for whatever is not strict JSON."""
    if len(data) > limit:
        raise Tampered(f"A record is larger than {limit} bytes.", "Use another copy of it.")
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_float=_refuse, parse_constant=_refuse
        )
        if _SURROGATE.search(data):  # half a surrogate pair has no UTF-8 form
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as exc:
        raise Tampered("A record is not strict JSON.", "Use another copy of it.") from exc
    return t.cast("object", value)


def take(
    value: object, required: Mapping[str, Kind], optional: Mapping[str, Kind] | None = None, *, what: str = "A record"
) -> dict[str, t.Any]:
    """Return `value` if it is an object with exactly these keys, each of its type (`None` stands for null)."""
    optional = optional or {}
    if not isinstance(value, dict):
        raise _misshapen(what)
    if not required.keys() <= value.keys() <= required.keys() | optional.keys():
        raise _misshapen(what)
    for key, item in value.items():
        if not _is(item, required.get(key) or optional[key]):
            raise _misshapen(what)
    return value


def dumps(value: object, *, raw_names: bool = False) -> bytes:
    """
    Return `value` as compact UTF-8 JSON, keys in their order. Raise UsageError for what `loads` would refuse.

    With `raw_names` text may hold bytes that are no UTF-8, as the characters U+DC80 to U+DCFF: names of roles have no
    encoding. They are written as escapes, such as `\\udcfc`, which `json.loads` gives back, and `loads` refuses.
    """
    _check(value)
    errors = "backslashreplace" if raw_names else "strict"  # which for these characters is JSON's own way
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", errors)
    except (ValueError, TypeError, RecursionError) as exc:
        raise UsageError("A value cannot be written as a strict JSON record.") from exc


def unbase64(text: str, *, what: str = "A record") -> bytes:
    """Decode standard, padded, canonical base64. Raise Tampered for any other spelling."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error) as exc:
        raise _misshapen(what) from exc
    if base64.b64encode(data).decode("ascii") != text:
        raise _misshapen(what)
    return data


def base64_text(data: bytes) -> str:
    """Return standard, padded base64."""
    return base64.b64encode(data).decode("ascii")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value


def _refuse(text: str) -> t.NoReturn:
    raise ValueError(f"number {text[:20]} is not an integer")


def _is(item: object, kind: Kind) -> bool:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if isinstance(item, bool):  # bool is a subclass of int, and 1 is not true
        return bool in kinds
    return isinstance(item, kinds)


def _check(value: object) -> None:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise UsageError("A JSON record's keys must be text.")
        for item in value.values():
            _check(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check(item)
    elif isinstance(value, float):
        raise UsageError("A JSON record must not contain floating-point numbers.")


def _misshapen(what: str) -> Tampered:
    return Tampered(f"{what} is malformed.", "Use another copy of it.")
