# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two readers never see two records in the same bytes."""

from __future__ import annotations

import json

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import strict_json
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered, UsageError
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_is_read_back(value: object) -> None:
    assert strict_json.loads(strict_json.dumps(value), limit=1 << 20) == value


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":1,"\\u0061":2}',
        b"1.0",
        b"1e3",
        b"NaN",
        b"-Infinity",
        b"",
        b"{}x",
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'"\xff"',
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b'"\n"',
        b"[1,]",
        b"[" * 100_000,
        b"9" * 5000,
    ],
    ids=repr,
)
def test_loose_json_is_refused(data: bytes) -> None:
    with pytest.raises(Tampered):
        strict_json.loads(data, limit=1 << 20)


@given(st.binary())
def test_a_name_of_any_bytes_comes_back_where_it_may_stand(name: bytes) -> None:
    text = name.decode("utf-8", "surrogateescape")
    written = strict_json.dumps({text: text}, raw_names=True)
    (key, value), *_others = json.loads(written.decode("utf-8")).items()
    assert key.encode("utf-8", "surrogateescape") == value.encode("utf-8", "surrogateescape") == name


def test_a_name_that_is_not_utf_8_stands_in_no_signed_record() -> None:
    with pytest.raises(UsageError):
        strict_json.dumps({"name": "m\udcfcller"})
    with pytest.raises(Tampered):
        strict_json.loads(strict_json.dumps("m\udcfcller", raw_names=True), limit=100)


def test_an_escaped_pair_of_surrogates_is_a_character() -> None:
    assert strict_json.loads(b'"\\ud83d\\ude00"', limit=100) == "\U0001f600"


def test_a_record_over_the_limit_is_refused() -> None:
    assert strict_json.loads(b'"abc"', limit=5) == "abc"
    with pytest.raises(Tampered, match="larger"):
        strict_json.loads(b'"abc"', limit=4)


@pytest.mark.parametrize(
    "value",
    [None, [], "x", {}, {"a": "1"}, {"a": 1, "c": 1}, {"a": True}, {"a": None}, {"a": 1, "b": 2}],
    ids=repr,
)
def test_only_the_agreed_keys_and_types_are_taken(value: object) -> None:
    with pytest.raises(Tampered):
        strict_json.take(value, {"a": int}, {"b": str})


def test_optional_keys_and_nulls_are_taken() -> None:
    assert strict_json.take({"a": None}, {"a": (str, type(None))}, {"b": bool}) == {"a": None}
    assert strict_json.take({"a": "x", "b": True}, {"a": (str, type(None))}, {"b": bool})["b"] is True


@pytest.mark.parametrize("text", ["YQ", "YR==", "YQ==\n", " YQ==", "Y-_=", "YQ==YQ==", "é"])
def test_base64_has_one_spelling(text: str) -> None:
    assert strict_json.unbase64("YQ==") == b"a"
    with pytest.raises(Tampered):
        strict_json.unbase64(text)


@pytest.mark.parametrize("value", [1.5, {"a": [1.0]}, float("nan"), {1: 2}, b"x", "\ud800", frozenset()], ids=repr)
def test_what_would_not_be_read_is_not_written(value: object) -> None:
    with pytest.raises(UsageError):
        strict_json.dumps(value)
