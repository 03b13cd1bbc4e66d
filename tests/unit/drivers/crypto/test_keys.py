# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recovery keys and what follows from them, signatures, and the keys that no one may use."""

from __future__ import annotations

import hashlib
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keys, primitives
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import KeyRefused, MissingLibrary
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PRIME = 2**255 - 19
ORDER_EIGHT = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
SMALL_ORDER = [
    bytes(32),
    (1).to_bytes(32, "little"),
    (PRIME - 1).to_bytes(32, "little"),
    ORDER_EIGHT,
    (PRIME - int.from_bytes(ORDER_EIGHT, "little")).to_bytes(32, "little"),
    PRIME.to_bytes(32, "little"),
    (PRIME + 1).to_bytes(32, "little"),
]
SIGN_BIT = 1 << 255
LOW_ORDER_X25519 = [
    bytes(32),
    (1).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    (PRIME - 1).to_bytes(32, "little"),
    PRIME.to_bytes(32, "little"),
    (PRIME + 1).to_bytes(32, "little"),
]


@pytest.mark.parametrize("salt", [b"", b"s" * 32])
@pytest.mark.parametrize("length", [16, 32, 33, 64])
def test_hkdf_is_the_library_s(salt: bytes, length: int) -> None:
    library = HKDF(SHA256(), length, salt or None, b"info").derive(b"k" * 32)
    assert primitives.hkdf(b"k" * 32, b"info", salt=salt, length=length) == library


def test_one_seed_gives_the_same_keys_for_ever() -> None:
    key = keys.RecoveryKey.from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n")
    assert key.hex == "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    assert key.opening.recipient.public.hex() == PINNED["recipient"]
    assert key.opening.recipient.kid == PINNED["recipient kid"]
    assert key.root.public.hex() == PINNED["root"]
    assert key.root.kid == PINNED["root kid"]
    assert key.digest_key.hex() == PINNED["digest"]
    assert key.paper().split()[-1] == PINNED["check"]


def test_a_kid_is_what_the_format_says() -> None:
    assert keys.kid("t", b"p") == hashlib.sha256(b"lifeboat v1 kid\0t\0p").hexdigest()[:16]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "64 hexadecimal"),
        ("ab" * 31, "62 characters"),
        ("zz" * 32, "64 hexadecimal"),
        ("correct horse battery staple", "64 hexadecimal"),
        ("00" * 32, "not random"),
        ("0123456789abcdef" * 4, "not random"),
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(text: str, message: str) -> None:
    with pytest.raises(KeyRefused, match=message) as caught:
        keys.RecoveryKey.from_hex(text)
    assert "openssl rand -hex 32" in caught.value.remedy
    assert not text or text not in str(caught.value)


def test_paper_is_read_back_in_any_layout(recovery: keys.RecoveryKey) -> None:
    paper = recovery.paper()
    assert keys.RecoveryKey.from_paper(paper) == recovery
    assert keys.RecoveryKey.from_paper(paper.upper().replace(" ", "\n- ")) == recovery


def test_every_misread_digit_of_the_paper_is_noticed(recovery: keys.RecoveryKey) -> None:
    paper = recovery.paper().replace(" ", "")
    for at, digit in enumerate(paper):
        wrong = paper[:at] + ("1" if digit != "1" else "7") + paper[at + 1 :]
        with pytest.raises(KeyRefused):
            keys.RecoveryKey.from_paper(wrong)
    with pytest.raises(KeyRefused, match="72"):
        keys.RecoveryKey.from_paper(paper[:-1])


@pytest.mark.parametrize("make", [keys.RecoveryKey.generate, keys.OpeningKey.generate, keys.Signer.generate])
def test_secrets_do_not_show(make: t.Callable[[], object]) -> None:
    key = make()
    secret = getattr(key, "seed", None) or getattr(key, "secret", b"")
    assert secret.hex() not in repr(key)
    assert repr(secret) not in repr(key)
    assert make() != key


def test_a_signature_fits_its_key_type_and_body_only(recovery: keys.RecoveryKey) -> None:
    signature = recovery.root.sign("manifest", b"body")
    assert keys.verify(recovery.root.public, signature, "manifest", b"body")
    assert not keys.verify(recovery.root.public, signature, "trust", b"body")
    assert not keys.verify(recovery.root.public, signature, "manifest", b"bodx")
    assert not keys.verify(keys.Signer.generate().public, signature, "manifest", b"body")
    assert not keys.verify(recovery.root.public, signature[:-1], "manifest", b"body")
    assert not keys.verify(b"short", signature, "manifest", b"body")


def test_pae_is_that_of_dsse() -> None:
    assert keys.pae("mark", b"hello") == b"DSSEv1 32 application/vnd.lifeboat.mark.v1 5 hello"


@pytest.mark.parametrize("sign_bit", [0, SIGN_BIT])
@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_signers_of_small_order_sign_nothing(point: bytes, sign_bit: int) -> None:
    public = (int.from_bytes(point, "little") | sign_bit).to_bytes(32, "little")
    # The identity as R and zero as S fit many messages under such keys.
    forged = (1).to_bytes(32, "little") + bytes(32)
    assert not any(keys.verify(public, forged, "manifest", b"%d" % number) for number in range(16))
    assert not primitives.ed25519_acceptable(public)


@pytest.mark.parametrize("point", LOW_ORDER_X25519, ids=bytes.hex)
def test_recipients_of_low_order_are_refused(point: bytes) -> None:
    with pytest.raises(KeyRefused):
        keys.Recipient(keys.HPKE_X25519, point)


def test_unknown_kinds_and_wrong_lengths_are_refused() -> None:
    with pytest.raises(KeyRefused):
        keys.Recipient("rot13", bytes(range(32)))
    with pytest.raises(KeyRefused):
        keys.Recipient(keys.HPKE_X25519, bytes(range(31)))
    with pytest.raises(KeyRefused):
        keys.OpeningKey(b"short")
    assert keys.Recipient("aws-kms", b"arn:aws:kms:eu-west-1:1:key/x").kid == "arn:aws:kms:eu-west-1:1:key/x"


def test_equal_plaintexts_have_equal_digests_under_one_key() -> None:
    assert keys.plaintext_digest(b"k", [b"ab", b"c"]) == keys.plaintext_digest(b"k", [b"abc"])
    assert keys.plaintext_digest(b"k", [b"abc"]) != keys.plaintext_digest(b"l", [b"abc"])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(primitives, "_IMPORT_ERROR", ImportError("none"))
    with pytest.raises(MissingLibrary, match=r"cryptography is needed \(47 or later\)"):
        keys.Signer.generate().sign("mark", b"")


PINNED = {
    "recipient": "3730aad9cfd0becc535e7edd6d2f4a16ff9bb15b180a452f1cdf8cdd71a06d2a",
    "recipient kid": "f55848153dc1592a",
    "root": "01c7d5337e7a32ab2e6877ef705981bcd47646b29b225a6a9598d4d849e1c87d",
    "root kid": "b809b98cfa188a96",
    "digest": "48d11d624dc6bdda7d8137cf538e67ce803b5306b9e3d34a40e40c703f7ec56e",
    "check": "8ec4ecc9",
}
