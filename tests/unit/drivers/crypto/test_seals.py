# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sealed records: only what an allowed key signed, as the kind it is asked for, comes out."""

from __future__ import annotations

import base64
import json

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keys, seals
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    KeyRefused,
    Tampered,
    UsageError,
)

OTHER = keys.Signer(bytes(range(1, 33)))


def test_a_record_comes_out_as_it_was_stored(recovery: keys.RecoveryKey) -> None:
    payload = b'{"b": 1,\n "a": "\xc3\xa9"}'
    opened = seals.open_record(
        "manifest", seals.seal_record("manifest", payload, [recovery.root]), [recovery.root.public]
    )
    assert opened == seals.OpenedRecord(payload, (recovery.root.public,))


def test_a_record_may_have_signers_that_a_reader_does_not_know(recovery: keys.RecoveryKey) -> None:
    envelope = seals.seal_record("trust", b"{}", [recovery.root, OTHER])
    assert seals.open_record("trust", envelope, [OTHER.public]).signers == (OTHER.public,)
    both = seals.open_record("trust", envelope, {OTHER.public, recovery.root.public})
    assert both.signers == (recovery.root.public, OTHER.public)


def test_every_flipped_bit_is_refused(recovery: keys.RecoveryKey) -> None:
    envelope = seals.seal_record("mark", b'{"kind":"restore_tested"}', [recovery.root])
    for at in range(len(envelope)):
        for bit in range(8):
            altered = bytearray(envelope)
            altered[at] ^= 1 << bit
            with pytest.raises(Tampered):
                seals.open_record("mark", bytes(altered), [recovery.root.public])


def test_every_truncation_is_refused(recovery: keys.RecoveryKey) -> None:
    envelope = seals.seal_record("mark", b"{}", [recovery.root])
    for length in range(len(envelope)):
        with pytest.raises(Tampered):
            seals.open_record("mark", envelope[:length], [recovery.root.public])


@pytest.mark.parametrize("kind", ["manifest", "trust", "mark", "recovery"])
@pytest.mark.parametrize("other", ["manifest", "trust", "mark", "recovery", "lbx-head"])
def test_a_record_of_one_kind_is_none_of_another(recovery: keys.RecoveryKey, kind: str, other: str) -> None:
    if kind == other:
        return
    body = b"{}"
    fields = {
        "payloadType": keys.payload_type(other),
        "payload": base64.b64encode(body).decode(),
        "signatures": [{"keyid": recovery.root.kid, "sig": base64.b64encode(recovery.root.sign(other, body)).decode()}],
    }
    for claimed in (other, kind):
        fields["payloadType"] = keys.payload_type(claimed)
        with pytest.raises(Tampered):
            seals.open_record(kind, json.dumps(fields).encode(), [recovery.root.public])


def test_unknown_signers_and_nobody_are_refused(recovery: keys.RecoveryKey) -> None:
    envelope = seals.seal_record("manifest", b"{}", [OTHER])
    for allowed in ([recovery.root.public], []):
        with pytest.raises(Tampered, match="not signed by a key"):
            seals.open_record("manifest", envelope, allowed)


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"signatures": []},
        {"signatures": [{"keyid": "x"}]},
        {"signatures": [{"keyid": "x", "sig": "YQ==", "cert": "x"}]},
        {"signatures": "x"},
        {"payload": 1},
        {"payload": "YR=="},
    ],
    ids=repr,
)
def test_only_the_known_form_is_read(recovery: keys.RecoveryKey, change: dict[str, object]) -> None:
    fields = {**json.loads(seals.seal_record("manifest", b"a", [recovery.root])), **change}
    with pytest.raises(Tampered):
        seals.open_record("manifest", json.dumps(fields).encode(), [recovery.root.public])


def test_limits_hold_on_both_sides(recovery: keys.RecoveryKey) -> None:
    largest = b"x" * seals.LIMITS["mark"]
    envelope = seals.seal_record("mark", largest, [recovery.root])
    assert seals.open_record("mark", envelope, [recovery.root.public]).payload == largest
    assert len(envelope) <= seals.envelope_limit("mark")
    with pytest.raises(UsageError):
        seals.seal_record("mark", largest + b"x", [recovery.root])
    with pytest.raises(KeyRefused):
        seals.seal_record("mark", b"{}", [])
    with pytest.raises(Tampered):
        seals.open_record("mark", envelope + b" " * (16 << 10), [recovery.root.public])


def test_a_false_signature_beside_a_true_one_is_refused(recovery: keys.RecoveryKey) -> None:
    fields = json.loads(seals.seal_record("trust", b"{}", [recovery.root, OTHER]))
    fields["signatures"][1]["sig"] = fields["signatures"][0]["sig"]
    with pytest.raises(Tampered, match="invalid signature"):
        seals.open_record("trust", json.dumps(fields).encode(), [recovery.root.public, OTHER.public])
