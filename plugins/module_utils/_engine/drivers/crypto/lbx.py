# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The file format `.lbx`: a signed head, then an encrypted stream that is bound to that head.

    head   = "LBX1\\n" || u32be(n) || header JSON (n bytes) || signer's public key (32) || signature (64)
    stream = see stream.py, with the associated data "lifeboat v1 stream\\0" || SHA-256(head)

A reader trusts nothing of a head before an expected signer's signature on it held, and hands on nothing of the
stream before its segment authenticated; the last segment moves only after size and SHA-256 of the whole file fit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import itertools
import os
import typing as t

from ...ground.errors import KeyRefused, Tampered, UsageError
from ...ground.streams import Reader
from . import primitives, stream, strict_json, wraps
from .keys import Recipient, Signer, verify

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC = b"LBX1\n"
FORMAT = "lbx/1"
MAX_HEADER = 65536

_LENGTH_END = len(MAGIC) + 4
_SIGNER_BYTES = 32
_SIGNATURE_BYTES = 64
_COMMIT_HEX = 64
HEAD_LIMIT = _LENGTH_END + MAX_HEADER + _SIGNER_BYTES + _SIGNATURE_BYTES
_AAD = b"lifeboat v1 stream\0"


Lineage: t.TypeAlias = "tuple[tuple[int, str], ...]"
"""The timelines on which the one of a history is based, and where each was left: who has no key has to know it too."""


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """What stands before the stream. `raw` are its bytes, `signer` the key that signed them."""

    raw: bytes
    name: str
    commit: bytes
    wraps: tuple[wraps.Wrap, ...]
    signer: bytes
    digest: str | None
    lineage: Lineage | None = None

    @property
    def sha256(self) -> str:
        """SHA-256 of the head, in hex: what manifests and side wraps call the file by."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def aad(self) -> bytes:
        """The stream's associated data."""
        return _AAD + hashlib.sha256(self.raw).digest()


@dataclasses.dataclass(frozen=True, slots=True)
class Writer:
    """Who may open the files that are written, and who signs them."""

    recipients: tuple[Recipient, ...]
    signer: Signer


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """
    What a reader knows of a file beforehand. `name=None` accepts any name: for a person with one file in hand.

    `signers` are the keys that may have signed it: the manifest's own signer, or those that the trust file lists.
    """

    name: str | None
    signers: frozenset[bytes]
    size: int | None = None
    sha256: str | None = None
    head_sha256: str | None = None


class Opener(t.Protocol):
    """Something that finds data keys: local secrets, and perhaps what a store adds to them."""

    def data_key(self, head: Head) -> bytes:
        """Return the data key that `head.commit` commits to. Raise KeyRefused when no key at hand opens it."""


class SealedFile:
    """
    One file being written: iterate it once and store the blocks. Then `size`, `sha256` and `head_sha256` are known.

    Every instance has its own data key, salt and head, so an attempt that is repeated is a file of its own. When
    the plaintext raises, so does the iteration, before the last segment: what was stored by then opens nowhere.
    """

    def __init__(
        self,
        name: str,
        plaintext: Iterable[bytes],
        writer: Writer,
        *,
        digest: str | None = None,
        lineage: Lineage | None = None,
    ) -> None:
        self._plaintext = plaintext
        self._data_key = os.urandom(primitives.KEY_BYTES)
        self._head = make_head(name, self._data_key, writer, digest=digest, lineage=lineage)
        self._hash = hashlib.sha256()
        self._started = False
        self.size = 0
        self.head_sha256 = hashlib.sha256(self._head).hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        if self._started:
            raise UsageError("An encrypted file can be read only once.", "Encrypt the plaintext again.")
        self._started = True
        return self._blocks()

    @property
    def sha256(self) -> str:
        """SHA-256 of what was yielded so far, in hex; the file's own once the iteration has ended."""
        return self._hash.hexdigest()

    def _blocks(self) -> Iterator[bytes]:
        aad = _AAD + hashlib.sha256(self._head).digest()
        segments = stream.encrypt(self._data_key, aad, self._plaintext)
        # Head and stream header go out as one block: a small file is then two blocks, not three.
        first = self._head + next(segments, b"")
        for block in itertools.chain((first,), segments):
            self._hash.update(block)
            self.size += len(block)
            yield block


def make_head(
    name: str, data_key: bytes, writer: Writer, *, digest: str | None = None, lineage: Lineage | None = None
) -> bytes:
    """Return the head of a file with this data key."""
    header: dict[str, object] = {
        "format": FORMAT,
        "name": name,
        "commit": wraps.commit(data_key).hex(),
        "wraps": [item.to_json() for item in wraps.wrap_all(writer.recipients, data_key)],
    }
    if digest is not None:
        header["digest"] = digest
    if lineage is not None:
        header["lineage"] = [list(one) for one in lineage]
    text = strict_json.dumps(header)
    if len(text) > MAX_HEADER:
        raise UsageError(f"The header of {name} would be larger than {MAX_HEADER} bytes.")
    body = MAGIC + len(text).to_bytes(4, "big") + text + writer.signer.public
    # The signature covers everything before it: the signer's key too.
    return body + writer.signer.sign("lbx-head", body)


def read_head(chunks: Iterable[bytes], expected: Expected | None = None) -> tuple[Head, Iterator[bytes]]:
    """
    Read a head and return it with the blocks that follow; the first HEAD_LIMIT bytes of a file are enough for it.

    Without `expected` it need only be signed by the signer that it names: that tells what a file says of itself,
    and not whether to believe it. The order of the checks is that of the format.
    """
    source = Reader(chunks)
    start = source.take(_LENGTH_END)
    length = int.from_bytes(start[len(MAGIC) :], "big")
    if len(start) != _LENGTH_END or not start.startswith(MAGIC) or length > MAX_HEADER:
        raise _altered(expected)
    raw = start + source.take(length + _SIGNER_BYTES + _SIGNATURE_BYTES)
    body, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    signer = body[-_SIGNER_BYTES:]
    if len(raw) != _LENGTH_END + length + _SIGNER_BYTES + _SIGNATURE_BYTES:
        raise _altered(expected)
    if expected is not None and signer not in expected.signers:
        raise Tampered(
            f"{_called(expected)} is signed by a key that is not trusted for it.",
            "It was not used: it is forged, or comes from a host that the trust file does not list.",
        )
    if not verify(signer, signature, "lbx-head", body):
        raise _altered(expected)
    if expected is not None and expected.head_sha256 not in {None, hashlib.sha256(raw).hexdigest()}:
        raise _altered(expected)
    head = _parse(raw, body[_LENGTH_END:-_SIGNER_BYTES], signer)
    if expected is not None and expected.name not in {None, head.name}:
        raise Tampered(
            f"{_called(expected)} was encrypted under another name.",
            "It was not used: somebody moved or swapped stored files.",
        )
    return head, source.rest()


def check_intact(chunks: Iterable[bytes], expected: Expected) -> Head:
    """Read the whole file without a key. Raise Tampered unless head, and size and hash if given, are as expected."""
    head, rest = read_head(_watched(chunks, expected), expected)
    if sum(map(len, rest)) < stream.HEADER_BYTES + primitives.TAG_BYTES:
        raise _altered(expected)
    return head


def open_file(chunks: Iterable[bytes], expected: Expected, opener: Opener) -> Iterator[bytes]:
    """
    Yield the plaintext, a segment at a time, each after it authenticated.

    Raise Tampered for a file that is not the expected one, whole and unaltered, KeyRefused when no key opens it. A
    caller may use what it got in ways that reach further than a scratch place only after the iteration has ended.
    """
    head, rest = read_head(_watched(chunks, expected), expected)
    data_key = opener.data_key(head)
    if not wraps.fits(data_key, head.commit):
        raise KeyRefused(f"The key that was found does not decrypt {head.name or 'this file'}.")
    try:
        yield from stream.decrypt(data_key, head.aad, rest)
    except Tampered as exc:
        raise _altered(expected) from exc


def _watched(chunks: Iterable[bytes], expected: Expected) -> Iterator[bytes]:
    """Count and hash a file as it is read, and raise at its end, before its last block is of any use."""
    size = 0
    digest = hashlib.sha256() if expected.sha256 is not None else None
    for chunk in chunks:
        size += len(chunk)
        if expected.size is not None and size > expected.size:
            raise _altered(expected)
        if digest is not None:
            digest.update(chunk)
        yield chunk
    if expected.size not in {None, size}:
        raise _altered(expected)
    if digest is not None and not hmac.compare_digest(digest.hexdigest(), expected.sha256 or ""):
        raise _altered(expected)


def _parse(raw: bytes, text: bytes, signer: bytes) -> Head:
    required = {"format": str, "name": str, "commit": str, "wraps": list}
    fields = strict_json.take(
        strict_json.loads(text, limit=MAX_HEADER), required, {"digest": str, "lineage": list}, what="A file's header"
    )
    if fields["format"] != FORMAT:
        raise Tampered("The file has an unsupported format.", "Use a later version of the collection.")
    commitment, digest = fields["commit"], fields.get("digest")
    for value in (commitment, digest):
        if value is not None and (len(value) != _COMMIT_HEX or not set(value) <= set("0123456789abcdef")):
            raise Tampered("A file's header is malformed.", "Use another copy of it.")
    lineage = _parse_lineage(fields["lineage"]) if "lineage" in fields else None
    parsed = wraps.parse_wraps(fields["wraps"])
    return Head(raw, fields["name"], bytes.fromhex(commitment), parsed, signer, digest, lineage)


def _parse_lineage(items: list[object]) -> Lineage:
    found = []
    for item in items:
        if not isinstance(item, list) or [type(part) for part in item] != [int, str]:
            raise Tampered("A file's header is malformed.", "Use another copy of it.")
        found.append((item[0], item[1]))
    return tuple(found)


def _altered(expected: Expected | None) -> Tampered:
    """Return the one message for altered and incomplete files, whichever byte it was."""
    return Tampered(f"{_called(expected)} was altered or is incomplete.", "Use another copy of it, or another backup.")


def _called(expected: Expected | None) -> str:
    return expected.name if expected is not None and expected.name else "The file"
