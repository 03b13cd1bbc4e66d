# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sealed files: the expected one opens, whole; nothing else does, and nothing tells which byte was wrong."""

from __future__ import annotations

import hashlib
import json
import os
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import (
    keys,
    lbx,
    opener,
    stream,
    wraps,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    KeyRefused,
    Tampered,
    UsageError,
)

NAME = "shop/data/x/0001.lbx"
Make = t.Callable[..., bytes]


def resigned(data: bytes, recovery: keys.RecoveryKey, change: t.Callable[[dict[str, t.Any]], object]) -> bytes:
    """The file with a changed header and a true signature: what a signer who lost his way could make."""
    head, _rest = lbx.read_head([data])
    fields = json.loads(head.raw[9:-96])
    changed = change(fields)
    text = changed if isinstance(changed, bytes) else json.dumps(fields).encode()
    body = lbx.MAGIC + len(text).to_bytes(4, "big") + text + recovery.root.public
    return body + recovery.root.sign("lbx-head", body) + data[len(head.raw) :]


@pytest.mark.parametrize("size", [0, 1, 5000, (1 << 20) - 56, (1 << 20) - 55, (3 << 20) + 7])
def test_a_file_opens_to_what_was_sealed(seal: Make, open_: Make, size: int) -> None:
    plaintext = os.urandom(size)
    assert open_(seal(plaintext)) == plaintext


def test_the_layout_is_that_of_the_format(seal: Make, recovery: keys.RecoveryKey) -> None:
    data = seal(b"plain", digest="ab" * 32)
    assert data[:5] == b"LBX1\n"
    length = int.from_bytes(data[5:9], "big")
    fields = json.loads(data[9 : 9 + length])
    assert set(fields) == {"format", "name", "commit", "wraps", "digest"}
    head_end = 9 + length + 96
    signer, signature = data[9 + length : 9 + length + 32], data[9 + length + 32 : head_end]
    assert keys.verify(signer, signature, "lbx-head", data[: head_end - 64])
    (wrap,) = fields["wraps"]
    assert wrap["kid"] == recovery.opening.recipient.kid
    head, rest = lbx.read_head([data])
    data_key = opener.KeyOpener([recovery.opening]).data_key(head)
    aad = b"lifeboat v1 stream\0" + hashlib.sha256(data[:head_end]).digest()
    assert b"".join(stream.decrypt(data_key, aad, rest)) == b"plain"
    assert head.digest == "ab" * 32


def test_size_and_hashes_are_those_of_the_file(recovery: keys.RecoveryKey, open_: Make) -> None:
    sealed = lbx.SealedFile(NAME, [b"a" * 1000] * 2000, lbx.Writer((recovery.opening.recipient,), recovery.root))
    data = b"".join(sealed)
    assert (sealed.size, sealed.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert sealed.head_sha256 == lbx.read_head([data])[0].sha256
    facts = {"size": sealed.size, "sha256": sealed.sha256, "head_sha256": sealed.head_sha256}
    assert open_(data, **facts) == b"a" * 2_000_000
    expected = lbx.Expected(NAME, frozenset({recovery.root.public}), **facts)
    assert lbx.check_intact([data], expected).name == NAME


def test_a_sealed_file_is_read_once(recovery: keys.RecoveryKey) -> None:
    sealed = lbx.SealedFile(NAME, [b"a"], lbx.Writer((recovery.opening.recipient,), recovery.root))
    list(sealed)
    with pytest.raises(UsageError):
        iter(sealed)


def test_two_attempts_share_nothing(seal: Make) -> None:
    first, second = lbx.read_head([seal(b"x")])[0], lbx.read_head([seal(b"x")])[0]
    assert first.commit != second.commit
    assert first.wraps[0].ct != second.wraps[0].ct


def test_blocks_of_any_size_are_read(seal: Make, recovery: keys.RecoveryKey) -> None:
    data = seal(b"x" * 3000)
    expected = lbx.Expected(NAME, frozenset({recovery.root.public}), sha256=hashlib.sha256(data).hexdigest())
    for size in (1, 7, 100, len(data)):
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        found = lbx.open_file([b"", *pieces], expected, opener.KeyOpener([recovery.opening]))
        assert b"".join(found) == b"x" * 3000


def refused(data: bytes, open_: Make, **expected: t.Any) -> str:
    with pytest.raises(Tampered) as caught:
        open_(data, **expected)
    return str(caught.value)


@pytest.mark.usefixtures("small_segments")
def test_one_flipped_bit_in_any_byte_is_refused(seal: Make, open_: Make, recovery: keys.RecoveryKey) -> None:
    data = seal(os.urandom(400))
    head, _rest = lbx.read_head([data])
    messages = {"head": set(), "stream": set()}
    for at in range(len(data)):
        altered = bytearray(data)
        altered[at] ^= 1 << (at % 8)
        where = "head" if at < len(head.raw) else "stream"
        messages[where].add(refused(bytes(altered), open_))
    assert len(messages["stream"]) == 1
    # Only an unknown signer has a message of its own: which signer stands there is public anyway.
    assert len(messages["head"]) == 2
    assert messages["stream"] < messages["head"]
    assert open_(data)


@pytest.mark.usefixtures("small_segments")
def test_every_bit_of_the_head_counts(seal: Make, open_: Make) -> None:
    data = seal(b"")
    for at in range(len(lbx.read_head([data])[0].raw)):
        for bit in range(8):
            altered = bytearray(data)
            altered[at] ^= 1 << bit
            refused(bytes(altered), open_)


@pytest.mark.usefixtures("small_segments")
def test_every_truncation_and_extension_is_refused(seal: Make, open_: Make) -> None:
    data = seal(os.urandom(400))
    messages = {refused(data[:length], open_) for length in range(len(data))}
    messages |= {refused(data + tail, open_) for tail in (b"\0", bytes(128), data)}
    assert len(messages) == 1


@pytest.mark.usefixtures("small_segments")
def test_flips_are_refused_without_a_key_too(seal: Make, recovery: keys.RecoveryKey) -> None:
    data = seal(os.urandom(400))
    digest = hashlib.sha256(data).hexdigest()
    expected = lbx.Expected(NAME, frozenset({recovery.root.public}), len(data), digest)
    for at in range(len(data)):
        altered = bytearray(data)
        altered[at] ^= 1
        with pytest.raises(Tampered):
            lbx.check_intact([bytes(altered)], expected)
    for wrong in (data[:-1], data + b"\0", b""):
        with pytest.raises(Tampered):
            lbx.check_intact([wrong], expected)


def test_without_a_hash_an_intact_file_has_at_least_a_stream(seal: Make, recovery: keys.RecoveryKey) -> None:
    data = seal(b"")
    expected = lbx.Expected(NAME, frozenset({recovery.root.public}))
    lbx.check_intact([data], expected)
    with pytest.raises(Tampered):
        lbx.check_intact([data[:-1]], expected)


def test_the_right_file_in_the_wrong_place_is_refused(seal: Make, open_: Make) -> None:
    data = seal(b"x", "shop/data/x/0002.lbx")
    assert "another name" in refused(data, open_)
    assert open_(data, name=None) == b"x"
    assert "another name" in refused(seal(b"x", ""), open_)
    assert open_(seal(b"x", ""), "") == b"x"


def test_head_of_one_and_body_of_another_are_refused(seal: Make, open_: Make) -> None:
    first, second = seal(b"first"), seal(b"other")
    end = len(lbx.read_head([first])[0].raw)
    other_end = len(lbx.read_head([second])[0].raw)
    refused(first[:end] + second[other_end:], open_)


def test_an_unknown_signer_is_refused_before_its_header_is_read(seal: Make, open_: Make) -> None:
    data = seal(b"x")
    assert "not trusted for it" in refused(data, open_, signers=frozenset({keys.Signer.generate().public}))
    assert "not trusted for it" in refused(data, open_, signers=frozenset())


def test_a_signature_of_another_kind_is_no_head_s(seal: Make, open_: Make, recovery: keys.RecoveryKey) -> None:
    data = seal(b"x")
    head, _rest = lbx.read_head([data])
    body = head.raw[:-64]
    for kind in ("manifest", "trust", "mark"):
        refused(body + recovery.root.sign(kind, body) + data[len(head.raw) :], open_)


def test_what_the_manifest_says_must_fit(seal: Make, open_: Make) -> None:
    data = seal(b"x")
    refused(data, open_, size=len(data) + 1)
    refused(data, open_, size=len(data) - 1)
    refused(data, open_, sha256="0" * 64)
    refused(data, open_, head_sha256="0" * 64)


def test_a_file_that_does_not_end_is_read_to_its_size_only(seal: Make, recovery: keys.RecoveryKey) -> None:
    data = seal(b"x")

    def endless() -> t.Iterator[bytes]:
        yield data
        for _attempt in range(3):
            yield b"more"
        raise AssertionError("read on")

    expected = lbx.Expected(NAME, frozenset({recovery.root.public}), size=len(data))
    with pytest.raises(Tampered):
        lbx.check_intact(endless(), expected)
    with pytest.raises(Tampered):
        list(lbx.open_file(endless(), expected, opener.KeyOpener([recovery.opening])))


def test_bytes_swapped_by_who_knows_the_data_key_never_end(recovery: keys.RecoveryKey) -> None:
    """An opening key and the bucket are enough to write another stream under a head; the manifest's hash is not."""
    writer = lbx.Writer((recovery.opening.recipient,), recovery.root)
    sealed = lbx.SealedFile(NAME, [b"true" * (1 << 19)], writer)
    data = b"".join(sealed)
    head, _rest = lbx.read_head([data])
    key = opener.KeyOpener([recovery.opening])
    forged = head.raw + b"".join(stream.encrypt(key.data_key(head), head.aad, [b"fake" * (1 << 19)]))
    assert len(forged) == len(data)
    expected = lbx.Expected(NAME, frozenset({recovery.root.public}), sealed.size, sealed.sha256)
    seen = []
    with pytest.raises(Tampered):
        seen.extend(lbx.open_file([forged], expected, key))
    assert len(b"".join(seen)) < 2 << 20  # the last segment never came


def test_a_wrong_key_is_told_from_an_altered_file(seal: Make, open_: Make) -> None:
    data = seal(b"x")
    wrong = opener.KeyOpener([keys.OpeningKey.generate()])
    with pytest.raises(KeyRefused, match="None of the available keys"):
        open_(data, opener=wrong)
    altered = bytearray(data)
    altered[100] ^= 1
    refused(bytes(altered), open_, opener=wrong)


def test_an_opener_is_not_believed(seal: Make, open_: Make) -> None:
    class Wrong:
        def data_key(self, head: lbx.Head) -> bytes:
            return bytes(32)

    with pytest.raises(KeyRefused):
        open_(seal(b"x"), opener=Wrong())


def test_a_plaintext_that_fails_ends_in_nothing_that_opens(recovery: keys.RecoveryKey, open_: Make) -> None:
    def failing() -> t.Iterator[bytes]:
        yield bytes(3 << 20)
        raise RuntimeError("pg_dump died")

    kept = []
    with pytest.raises(RuntimeError):
        kept.extend(lbx.SealedFile(NAME, failing(), lbx.Writer((recovery.opening.recipient,), recovery.root)))
    assert len(kept) >= 2
    refused(b"".join(kept), open_)


def test_wraps_that_nobody_here_can_open_are_carried(seal: Make, open_: Make, recovery: keys.RecoveryKey) -> None:
    def add(fields: dict[str, t.Any]) -> None:
        fields["wraps"].insert(0, {"kid": "arn:aws:kms:eu-west-1:1:key/x", "type": "aws-kms", "ct": "YWJj"})
        fields["wraps"].insert(0, {"kid": "0" * 16, "type": "hpke-mlkem768-x25519", "ct": "YWJj"})

    data = resigned(seal(b"x"), recovery, add)
    head, _rest = lbx.read_head([data])
    assert [item.type for item in head.wraps] == ["hpke-mlkem768-x25519", "aws-kms", "hpke-x25519"]
    # The head is another one now, so the stream denies it; but the data key was found.
    assert opener.KeyOpener([recovery.opening]).data_key(head)
    refused(data, open_)


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.update(format="lbx/2"),
        lambda fields: fields.update(more=1),
        lambda fields: fields.update(name=1),
        lambda fields: fields.update(commit="AB" * 32),
        lambda fields: fields.update(commit="ab" * 31),
        lambda fields: fields.update(digest="x"),
        lambda fields: fields.update(digest=None),
        lambda fields: fields.update(wraps=[]),
        lambda fields: fields.update(wraps=fields["wraps"] * 2),
        lambda fields: fields.update(wraps=[{**fields["wraps"][0], "kid": str(number)} for number in range(17)]),
        lambda fields: fields.pop("commit"),
        lambda fields: b"[]",
        lambda fields: b'{"name":"a","name":"b"}',
        lambda fields: json.dumps(fields).encode("utf-16"),
        lambda fields: json.dumps(fields).encode() + b" " * 65536,
    ],
)
def test_signed_headers_are_read_strictly(
    seal: Make, open_: Make, recovery: keys.RecoveryKey, change: t.Callable[[dict[str, t.Any]], object]
) -> None:
    refused(resigned(seal(b"x"), recovery, change), open_)


def test_a_header_may_have_65536_bytes_and_no_more(seal: Make, recovery: keys.RecoveryKey) -> None:
    plain = seal(b"x")
    length = len(lbx.read_head([plain])[0].raw) - 105

    def pad(size: int) -> bytes:
        return resigned(
            plain, recovery, lambda fields: json.dumps(fields, separators=(",", ":")).encode() + b" " * size
        )

    head, _rest = lbx.read_head([pad(65536 - length)])
    assert len(head.raw) == lbx.HEAD_LIMIT
    with pytest.raises(Tampered):
        lbx.read_head([pad(65537 - length)])
    with pytest.raises(UsageError):
        seal(b"x", "n" * 65536)


def test_a_huge_claimed_length_is_refused_without_reading_it() -> None:
    def endless() -> t.Iterator[bytes]:
        yield lbx.MAGIC + b"\xff\xff\xff\xff"
        raise AssertionError("read on")

    with pytest.raises(Tampered):
        lbx.read_head(endless())


def test_writing_needs_a_recipient_that_can_be_written_to(recovery: keys.RecoveryKey) -> None:
    for recipients in ((), (keys.Recipient("aws-kms", b"arn"),)):
        with pytest.raises(KeyRefused):
            lbx.SealedFile(NAME, [b""], lbx.Writer(recipients, recovery.root))


def test_every_recipient_opens(seal: Make, open_: Make, recovery: keys.RecoveryKey) -> None:
    others = [keys.OpeningKey.generate() for _number in range(15)]
    recipients = tuple(key.recipient for key in [recovery.opening, *others])
    data = seal(b"x", writer=lbx.Writer(recipients, recovery.root))
    assert len(lbx.read_head([data])[0].wraps) == wraps.MAX_WRAPS
    assert all(open_(data, opener=opener.KeyOpener([key])) == b"x" for key in others)


def test_a_consumer_may_stop_early(seal: Make, recovery: keys.RecoveryKey) -> None:
    closed = []

    def source() -> t.Iterator[bytes]:
        try:
            yield seal(os.urandom(3 << 20))
        finally:
            closed.append(True)

    expected = lbx.Expected(NAME, frozenset({recovery.root.public}))
    blocks = t.cast("t.Generator[bytes]", lbx.open_file(source(), expected, opener.KeyOpener([recovery.opening])))
    assert len(next(blocks)) == (1 << 20) - 56
    blocks.close()
    del blocks
    assert closed
