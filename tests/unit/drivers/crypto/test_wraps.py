# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Data keys, wrapped: they open for whom they are meant, and only if they are what was committed to."""

from __future__ import annotations

import os

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keys, primitives, wraps
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import KeyRefused, Tampered

KEY = keys.OpeningKey(bytes(range(32)))


def test_hpke_opens_for_its_key_and_info_only() -> None:
    sealed = primitives.hpke_seal(KEY.recipient.public, b"info", b"secret")
    assert primitives.hpke_open(KEY.secret, b"info", sealed) == b"secret"
    assert primitives.hpke_open(KEY.secret, b"infx", sealed) is None
    assert primitives.hpke_open(keys.OpeningKey.generate().secret, b"info", sealed) is None
    assert all(primitives.hpke_open(KEY.secret, b"info", sealed[:end]) is None for end in range(len(sealed)))
    with pytest.raises(KeyRefused):
        primitives.hpke_seal(bytes(32), b"info", b"secret")


def test_an_encapsulated_point_of_low_order_opens_nothing() -> None:
    assert primitives.hpke_open(KEY.secret, b"info", bytes(32) + os.urandom(48)) is None


def test_a_wrap_has_80_bytes_and_opens() -> None:
    data_key = os.urandom(32)
    made = wraps.wrap(KEY.recipient, data_key)
    assert len(made.ct) == 80
    assert wraps.Wrap.from_json(made.to_json()) == made
    assert wraps.unwrap(made, KEY, wraps.commit(data_key)) == data_key
    assert wraps.unwrap(made, keys.OpeningKey.generate(), wraps.commit(data_key)) is None


def test_a_wrap_of_another_file_s_data_key_is_not_accepted() -> None:
    first, second = os.urandom(32), os.urandom(32)
    assert wraps.unwrap(wraps.wrap(KEY.recipient, first), KEY, wraps.commit(second)) is None
    # A sender who knows the recipient can wrap any key under any commitment: what comes out must fit as well.
    lying = primitives.hpke_seal(KEY.recipient.public, b"lifeboat v1 wrap\0" + wraps.commit(second), first)
    assert wraps.unwrap(wraps.Wrap(KEY.recipient.kid, keys.HPKE_X25519, lying), KEY, wraps.commit(second)) is None


def test_other_types_are_carried_and_not_opened() -> None:
    value = {"kid": "arn:aws:kms:eu-west-1:1:key/x", "type": "aws-kms", "ct": "YWJj"}
    item = wraps.Wrap.from_json(value)
    assert item.to_json() == value
    assert wraps.unwrap(item, KEY, bytes(32)) is None
    with pytest.raises(KeyRefused, match="aws-kms"):
        wraps.wrap(keys.Recipient("aws-kms", b"arn"), bytes(32))


def test_one_to_sixteen_recipients_none_twice() -> None:
    many = [keys.OpeningKey.generate().recipient for _number in range(17)]
    assert len(wraps.wrap_all(many[:16], bytes(32))) == 16
    for refused in ([], many, [many[0], many[0]]):
        with pytest.raises(KeyRefused):
            wraps.wrap_all(refused, bytes(32))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        [{"kid": "a", "type": "x", "ct": "YQ=="}] * 2,
        [{"kid": str(number), "type": "x", "ct": "YQ=="} for number in range(17)],
        [{"kid": "", "type": "x", "ct": "YQ=="}],
        [{"kid": "a", "type": "x", "ct": ""}],
        [{"kid": "a", "type": "x", "ct": "!"}],
        [{"kid": "a", "type": "x"}],
        [{"kid": "a", "type": "x", "ct": "YQ==", "more": 1}],
        ["x"],
    ],
)
def test_malformed_lists_of_wraps_are_refused(value: object) -> None:
    with pytest.raises(Tampered):
        wraps.parse_wraps(value)


def test_side_wraps_are_read_back_and_strict() -> None:
    item = wraps.wrap(KEY.recipient, bytes(32))
    stored = wraps.dump_side_wraps({"a" * 64: item})
    assert wraps.parse_side_wraps(stored) == {"a" * 64: item}
    for wrong in (b"{}", stored.replace(b"/1", b"/2"), stored[:-1], stored.replace(b'"ct"', b'"cx"')):
        with pytest.raises(Tampered):
            wraps.parse_side_wraps(wrong)
