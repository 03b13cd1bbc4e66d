# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trust files: strict, root-signed, and exact about who may sign what, and when."""

from __future__ import annotations

import dataclasses
import json
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keys, seals, trust
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    KeyRefused,
    Tampered,
    UsageError,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOST = keys.Signer(bytes(range(1, 33)))
ENTRY = trust.SignerEntry(HOST.public, ("main/shop", "wal/77/*"), NOON, NOON + 10 * HOUR)


def make(recovery: keys.RecoveryKey, **changes: t.Any) -> trust.TrustFile:
    fields = {"recipients": (recovery.opening.recipient,), "signers": (ENTRY,), **changes}
    return dataclasses.replace(trust.TrustFile("shop", 7, NOON, (recovery.opening.recipient,), (ENTRY,)), **fields)


def test_it_is_read_as_it_was_written(recovery: keys.RecoveryKey) -> None:
    compromised = dataclasses.replace(ENTRY, public=keys.Signer(bytes(range(2, 34))).public, compromised_since=NOON)
    kms = keys.Recipient("aws-kms", b"arn:aws:kms:eu-west-1:1:key/x")
    made = make(recovery, recipients=(recovery.opening.recipient, kms), signers=(ENTRY, compromised))
    assert trust.verify(trust.sign(made, [recovery.root]), [recovery.root.public], "shop") == made


def test_only_a_pinned_root_and_the_right_application_count(recovery: keys.RecoveryKey) -> None:
    envelope = trust.sign(make(recovery), [recovery.root])
    with pytest.raises(Tampered):
        trust.verify(envelope, [HOST.public], "shop")
    with pytest.raises(Tampered, match="another application"):
        trust.verify(envelope, [recovery.root.public], "shop2")
    both = trust.sign(make(recovery), [recovery.root, HOST])
    assert trust.verify(both, [HOST.public], "shop").serial == 7


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("main/shop", True),
        ("main/shop2", False),
        ("main/sho", False),
        ("main/shop/x", False),
        ("wal/77/1", True),
        ("wal/77/", True),
        ("wal/77", False),
        ("wal/778/1", False),
        ("mark/restore_tested", False),
        ("*", False),
        ("", False),
    ],
)
def test_a_scope_covers_what_it_says(recovery: keys.RecoveryKey, scope: str, allowed: bool) -> None:
    assert make(recovery).allows(HOST.public, scope) is allowed
    assert (HOST.public in make(recovery).allowed(scope)) is allowed


def test_dates_bound_a_signer(recovery: keys.RecoveryKey) -> None:
    made = make(recovery)
    times = [NOON - HOUR, NOON, NOON + 9 * HOUR, NOON + 10 * HOUR, None]
    assert [made.allows(HOST.public, "main/shop", at) for at in times] == [False, True, True, False, True]
    assert not made.allows(recovery.root.public, "main/shop", NOON)  # with a trust file, roots sign trust only


def test_a_compromised_signer_needs_a_time_that_a_thief_cannot_choose(recovery: keys.RecoveryKey) -> None:
    entry = dataclasses.replace(ENTRY, compromised_since=NOON + 2 * HOUR)
    made = make(recovery, signers=(entry,))
    assert not made.allows(HOST.public, "main/shop", NOON + HOUR)
    assert not made.allows(HOST.public, "main/shop", None)
    assert made.allows(HOST.public, "main/shop", NOON + HOUR, stored=NOON + HOUR)
    assert not made.allows(HOST.public, "main/shop", NOON + HOUR, stored=NOON + 2 * HOUR)
    assert not made.allows(HOST.public, "main/shop", NOON + 20 * HOUR, stored=NOON + HOUR)


CHANGES: list[t.Callable[[dict[str, t.Any]], object]] = [
    lambda fields: fields.update(more=1),
    lambda fields: fields.pop("serial"),
    lambda fields: fields.update(serial=0),
    lambda fields: fields.update(serial="7"),
    lambda fields: fields.update(serial=True),
    lambda fields: fields.update(serial=100_000_000),
    lambda fields: fields.update(created="2026-03-01 12:00:00"),
    lambda fields: fields.update(created="2026-3-1T12:00:00Z"),
    lambda fields: fields.update(recipients=[]),
    lambda fields: fields.update(recipients=fields["recipients"] * 2),
    lambda fields: fields["recipients"][0].update(kid="0" * 16),
    lambda fields: fields["recipients"][0].update(type="rot13"),
    lambda fields: fields["recipients"][0].update(public="AAAA"),
    lambda fields: fields["recipients"][0].update(
        public="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", kid=keys.kid(keys.HPKE_X25519, bytes(32))
    ),
    lambda fields: fields.update(signers=fields["signers"] * 2),
    lambda fields: fields["signers"][0].update(public="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    lambda fields: fields["signers"][0].update(scope="main/shop"),
    lambda fields: fields["signers"][0].update(scope=[1]),
    lambda fields: fields["signers"][0].update(scope=[""]),
    lambda fields: fields["signers"][0].pop("until"),
    lambda fields: fields["signers"][0].update({"from": None}),
    lambda fields: fields["signers"][0].update(until="never"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_even_a_root_s_signature_does_not_excuse_the_form(
    recovery: keys.RecoveryKey, change: t.Callable[[dict[str, t.Any]], object]
) -> None:
    fields = json.loads(make(recovery).to_payload())
    change(fields)
    envelope = seals.seal_record("trust", json.dumps(fields).encode(), [recovery.root])
    with pytest.raises(Tampered):
        trust.verify(envelope, [recovery.root.public], "shop")


def test_what_readers_refuse_is_not_made(recovery: keys.RecoveryKey) -> None:
    for changes in (
        {"serial": 0},
        {"recipients": ()},
        {"recipients": (recovery.opening.recipient,) * 2},
        {"signers": (ENTRY, ENTRY)},
    ):
        with pytest.raises(UsageError):
            make(recovery, **changes)
    with pytest.raises(KeyRefused):
        trust.SignerEntry(bytes(32), ("*",), NOON)
