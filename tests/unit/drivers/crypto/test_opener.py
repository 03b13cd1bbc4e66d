# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""After a rotation the key that follows opens what the old one opened, and a shared backup opens for its guest."""

from __future__ import annotations

import base64
import json
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import (
    handover,
    keys,
    lbx,
    opener,
    primitives,
    wraps,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import KeyRefused, Tampered

Make = t.Callable[..., bytes]


def rotated(times: int, first: keys.OpeningKey) -> tuple[dict[str, bytes], keys.OpeningKey]:
    """Handovers by kid after so many rotations, and the key that is left."""
    stored, current = {}, first
    for _number in range(times):
        following = keys.OpeningKey.generate()
        stored[current.recipient.kid] = handover.make(current, [following.recipient])
        current = following
    return stored, current


@pytest.mark.parametrize("times", [0, 1, 2, 5])
def test_the_last_key_opens_what_the_first_was_given(
    seal: Make, open_: Make, recovery: keys.RecoveryKey, times: int
) -> None:
    stored, last = rotated(times, recovery.opening)
    assert open_(seal(b"x"), opener=opener.KeyOpener([last], find_handover=stored.get)) == b"x"


def test_a_chain_with_a_gap_opens_nothing(seal: Make, open_: Make, recovery: keys.RecoveryKey) -> None:
    stored, last = rotated(3, recovery.opening)
    del stored[list(stored)[1]]
    with pytest.raises(KeyRefused):
        open_(seal(b"x"), opener=opener.KeyOpener([last], find_handover=stored.get))


def test_a_circle_of_handovers_ends(seal: Make, open_: Make, recovery: keys.RecoveryKey) -> None:
    other = keys.OpeningKey.generate()
    stored = {
        recovery.opening.recipient.kid: handover.make(recovery.opening, [other.recipient]),
        other.recipient.kid: handover.make(other, [recovery.opening.recipient]),
    }
    with pytest.raises(KeyRefused):
        open_(seal(b"x"), opener=opener.KeyOpener([keys.OpeningKey.generate()], find_handover=stored.get))


def test_the_store_is_asked_once_for_any_number_of_files(seal: Make, open_: Make, recovery: keys.RecoveryKey) -> None:
    stored, last = rotated(1, recovery.opening)
    asked = []

    def find(kid: str) -> bytes | None:
        asked.append(kid)
        return stored.get(kid)

    found = opener.KeyOpener([last], find_handover=find)
    for _number in range(3):
        assert open_(seal(b"x"), opener=found) == b"x"
    assert asked == [recovery.opening.recipient.kid]


def test_a_handover_yields_its_old_key_or_nothing(recovery: keys.RecoveryKey) -> None:
    heir, old = keys.OpeningKey.generate(), recovery.opening
    stored = handover.make(old, [heir.recipient])
    offer = handover.parse(stored, old.recipient.kid)
    assert handover.accept(offer, [keys.OpeningKey.generate(), heir]) == old
    assert handover.accept(offer, [keys.OpeningKey.generate()]) is None
    with pytest.raises(Tampered, match="another key"):
        handover.parse(stored, heir.recipient.kid)


def test_a_secret_that_is_not_the_old_key_s_is_not_accepted(recovery: keys.RecoveryKey) -> None:
    heir, old = keys.OpeningKey.generate(), recovery.opening
    lying = json.loads(handover.make(old, [heir.recipient]))
    info = b"lifeboat v1 handover\0" + old.recipient.public
    for secret in (keys.OpeningKey.generate().secret, b"short", b""):
        lying["wraps"][0]["ct"] = base64.b64encode(primitives.hpke_seal(heir.recipient.public, info, secret)).decode()
        offer = handover.parse(json.dumps(lying).encode(), old.recipient.kid)
        assert handover.accept(offer, [heir]) is None


def test_every_flipped_bit_of_a_handover_is_refused_or_without_effect(recovery: keys.RecoveryKey) -> None:
    heir, old = keys.OpeningKey.generate(), recovery.opening
    stored = handover.make(old, [heir.recipient])
    for at in range(len(stored)):
        altered = bytearray(stored)
        altered[at] ^= 1 << (at % 8)
        try:
            found = handover.accept(handover.parse(bytes(altered), old.recipient.kid), [heir])
        except Tampered:
            continue
        assert found in (None, old)  # a kid inside is a hint: changing it changes nothing


def test_handovers_need_a_recipient_of_the_known_type(recovery: keys.RecoveryKey) -> None:
    for recipients in ([], [keys.Recipient("aws-kms", b"arn")]):
        with pytest.raises(KeyRefused):
            handover.make(recovery.opening, recipients)


def test_a_side_wrap_opens_a_file_to_a_guest(seal: Make, open_: Make, recovery: keys.RecoveryKey) -> None:
    data, guest = seal(b"x"), keys.OpeningKey.generate()
    head, _rest = lbx.read_head([data])
    added = wraps.wrap(guest.recipient, opener.KeyOpener([recovery.opening]).data_key(head))
    assert (
        open_(data, opener=opener.KeyOpener([guest], lambda found: [added] if found.sha256 == head.sha256 else []))
        == b"x"
    )
    with pytest.raises(KeyRefused):
        open_(seal(b"y"), opener=opener.KeyOpener([guest], lambda _: [added]))


def test_a_wrong_kid_is_only_a_wrong_hint(recovery: keys.RecoveryKey) -> None:
    data_key = bytes(range(32))
    item = wraps.wrap(recovery.opening.recipient, data_key)
    others = [keys.OpeningKey.generate() for _number in range(3)]
    head = lbx.Head(
        b"", "n", wraps.commit(data_key), (wraps.Wrap(others[0].recipient.kid, item.type, item.ct),), b"", None
    )
    assert opener.KeyOpener([*others, recovery.opening]).data_key(head) == data_key


def test_the_refusal_names_keys_and_no_secret(seal: Make, open_: Make, recovery: keys.RecoveryKey) -> None:
    wrong = keys.OpeningKey.generate()
    with pytest.raises(KeyRefused) as caught:
        open_(seal(b"x"), opener=opener.KeyOpener([wrong]))
    assert recovery.opening.recipient.kid in str(caught.value)
    assert wrong.recipient.kid in str(caught.value)
    assert wrong.secret.hex() not in str(caught.value)
    assert caught.value.details["recipients"] == [recovery.opening.recipient.kid]
