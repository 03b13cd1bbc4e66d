# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Makes the published test vectors: `index.json` and the files beside it, one condition each.

    PYTHONPATH=<directory with ansible_collections> python tests/vectors/make.py

Data keys, salts and wraps are random, so every run makes other files; the keys are fixed. `index.json` says how to
put a case together (`parts`: slices of files laid end to end, so that changed copies of large files need no space),
what a reader knows beforehand, and what must come out. README.md explains the fields.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import (
    handover,
    keys,
    lbx,
    opener,
    primitives,
    seals,
    stream,
    trust,
    wraps,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import events
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import manifest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from backports import zstd

HERE = Path(__file__).resolve().parent
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BACKUP = "backup-20260301T120000Z-0123456789abcdef"
NAME = f"shop/data/{BACKUP}/0001.lbx"
OTHER_NAME = f"shop/data/{BACKUP}/0002.lbx"
RECOVERY = "recovery-20260301T120000Z-0123456789abcdef"
SCOPE = "main/shop"
TEXT = b"id,name\n1,Ada\n2,Grace\n" * 20


def seed(label: str) -> bytes:
    return hashlib.sha256(b"lifeboat test vector key, for tests only: " + label.encode()).digest()


OWNER = keys.RecoveryKey(seed("owner"))
LATER = keys.RecoveryKey(seed("later"))
STRANGER = keys.RecoveryKey(seed("stranger"))
GUEST = keys.OpeningKey(seed("guest"))
HOST = keys.Signer(seed("host"))
WRITER = lbx.Writer((OWNER.opening.recipient,), OWNER.root)
HOST_WRITER = lbx.Writer((OWNER.opening.recipient, GUEST.recipient), HOST)


def zstd_frame(plain: bytes) -> bytes:
    return zstd.compress(plain, options={zstd.CompressionParameter.checksum_flag: 1})


class Index:
    """The cases, and the files that they are made of."""

    def __init__(self) -> None:
        self.cases: list[dict[str, t.Any]] = []
        self.records: list[dict[str, t.Any]] = []
        self.manifests: list[dict[str, t.Any]] = []
        self.recoveries: list[dict[str, t.Any]] = []

    def keep(self, name: str, data: bytes) -> bytes:
        (HERE / name).write_bytes(data)
        return data

    def add(self, case: str, comment: str, outcome: str, data: bytes | None = None, /, **known: t.Any) -> None:
        """A case; `data` is written to a file of its name unless `parts` makes it of others."""
        if data is not None:
            self.keep(f"{case}.lbx", data)
            known.setdefault("parts", [[f"{case}.lbx", 0, len(data)]])
        known.setdefault("key", "owner")
        known.setdefault("roots", [OWNER.root.public.hex()])
        self.cases.append({"case": case, "comment": comment, "outcome": outcome, **known})

    def record(self, name: str, kind: str, comment: str, outcome: str, data: bytes, **known: t.Any) -> None:
        self.keep(f"{name}.json", data)
        known.setdefault("roots", [OWNER.root.public.hex()])
        self.records.append({"file": f"{name}.json", "kind": kind, "comment": comment, "outcome": outcome, **known})

    def write(self) -> None:
        named = {"owner": OWNER, "later": LATER, "stranger": STRANGER}
        index = {
            "format": "lifeboat-vectors/1",
            "recovery_keys": {name: derived(key) for name, key in named.items()},
            "opening_keys": {"guest": {"secret": GUEST.secret.hex(), "kid": GUEST.recipient.kid}},
            "signers": {"host": {"secret": HOST.secret.hex(), "public": HOST.public.hex(), "kid": HOST.kid}},
            "files": self.cases,
            "records": self.records,
            "manifests": self.manifests,
            "recoveries": self.recoveries,
        }
        (HERE / "index.json").write_text(json.dumps(index, indent=2) + "\n")


def derived(key: keys.RecoveryKey) -> dict[str, str]:
    return {
        "hex": key.hex,
        "paper": key.paper(),
        "recipient": key.opening.recipient.public.hex(),
        "recipient_kid": key.opening.recipient.kid,
        "root": key.root.public.hex(),
        "root_kid": key.root.kid,
        "digest_key": key.digest_key.hex(),
    }


def sealed(plaintext: bytes, name: str = NAME, writer: lbx.Writer = WRITER, **options: t.Any) -> bytes:
    return b"".join(lbx.SealedFile(name, [plaintext], writer, **options))


def results(data: bytes, raw: bytes, plain: bytes) -> dict[str, str]:
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "stream_sha256": hashlib.sha256(raw).hexdigest(),
        "plain_sha256": hashlib.sha256(plain).hexdigest(),
    }


def head_of(data: bytes) -> lbx.Head:
    return lbx.read_head([data])[0]


def reheaded(
    data: bytes,
    change: t.Callable[[dict[str, t.Any]], object] = lambda fields: None,
    sign: t.Callable[[bytes], bytes] = lambda body: OWNER.root.sign("lbx-head", body),
    signer: bytes = OWNER.root.public,
) -> bytes:
    """The file with another header or signature, and its plaintext sealed again: nothing else is wrong with it."""
    head, rest = lbx.read_head([data])
    data_key = opener.KeyOpener([OWNER.opening]).data_key(head)
    plaintext = b"".join(stream.decrypt(data_key, head.aad, rest))
    fields = json.loads(head.raw[9:-96])
    changed = change(fields)
    text = changed if isinstance(changed, bytes) else json.dumps(fields, separators=(",", ":")).encode()
    body = lbx.MAGIC + len(text).to_bytes(4, "big") + text + signer
    raw = body + sign(body)
    aad = b"lifeboat v1 stream\0" + hashlib.sha256(raw).digest()
    return raw + b"".join(stream.encrypt(data_key, aad, [plaintext]))


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)


def good(index: Index) -> bytes:
    raw = zstd_frame(TEXT)
    base = sealed(raw)
    index.add("good-zstd", "one zstd frame", "opens", base, name=NAME, **results(base, raw, TEXT))
    packed = gzip.compress(TEXT, mtime=0)
    data = sealed(packed)
    index.add("good-gzip", "one gzip member", "opens", data, name=NAME, **results(data, packed, TEXT))
    several = zstd_frame(TEXT) + zstd_frame(b"") + zstd_frame(TEXT)
    data = sealed(several)
    index.add("good-frames", "three zstd frames", "opens", data, name=NAME, **results(data, several, TEXT * 2))
    data = sealed(raw, "")
    index.add("good-standalone", "an archive without a name", "opens", data, name="", **results(data, raw, TEXT))
    data = sealed(raw, digest=keys.plaintext_digest(OWNER.digest_key, [raw]))
    index.add("good-digest", "a header with a digest", "opens", data, name=NAME, **results(data, raw, TEXT))
    data = reheaded(
        base,
        lambda fields: fields["wraps"].extend(
            [
                {"kid": "arn:aws:kms:eu-west-1:111122223333:key/x", "type": "aws-kms", "ct": "YWJj"},
                {"kid": "0" * 16, "type": "hpke-mlkem768-x25519", "ct": "YWJj"},
                {"kid": "later-type", "type": "of a later version", "ct": "YWJj"},
            ]
        ),
    )
    index.add(
        "good-other-wraps", "wraps of other types beside ours", "opens", data, name=NAME, **results(data, raw, TEXT)
    )
    data = reheaded(base, lambda fields: json.dumps(fields).encode().ljust(65536))
    index.add("good-largest-header", "65536 bytes of header", "opens", data, name=NAME, **results(data, raw, TEXT))
    return base


def large(index: Index) -> None:
    """Three segments, and what can be done to them."""
    plain = hashlib.shake_256(b"incompressible").digest((2 << 20) + 1000)
    raw = zstd_frame(plain)
    data = sealed(raw)
    index.add("good-segments", "three segments", "opens", data, name=NAME, **results(data, raw, plain))
    head = len(head_of(data).raw)
    a, b, c, end = head, head + (1 << 20), head + (2 << 20), len(data)
    file = "good-segments.lbx"
    cuts = {
        "cut-in-last-segment": ("the last byte is missing", [[0, end - 1]]),
        "cut-after-second-segment": ("the last segment is missing", [[0, c]]),
        "cut-after-first-segment": ("two segments are missing", [[0, b]]),
        "cut-after-stream-header": ("no segment at all", [[0, a + 40]]),
        "dropped-segment": ("the second segment is missing", [[0, b], [c, end]]),
        "repeated-segment": ("the second segment comes twice", [[0, c], [b, end]]),
        "swapped-segments": ("third before second", [[0, b], [c, end], [b, c]]),
        "extended": ("bytes after the end", [[0, end], [0, 16]]),
        "doubled": ("the file twice", [[0, end], [0, end]]),
    }
    for name, (comment, slices) in cuts.items():
        index.add(name, comment, "tampered", name=NAME, parts=[[file, *piece] for piece in slices])


def altered(index: Index, base: bytes) -> None:
    head = head_of(base).raw
    other = sealed(zstd_frame(TEXT))
    other_head = head_of(other).raw
    places = {
        "magic": 0,
        "length": 8,
        "header": 30,
        "signer": len(head) - 96,
        "signature": len(head) - 1,
        "stream-header-size": len(head),
        "salt": len(head) + 1,
        "nonce-prefix": len(head) + 33,
        "ciphertext": len(head) + 40,
        "tag": len(base) - 1,
    }
    for name, at in places.items():
        index.add(f"flipped-{name}", f"one bit of the {name} is flipped", "tampered", flipped(base, at), name=NAME)
    index.add("empty", "no bytes at all", "tampered", b"", name=NAME)
    index.add("cut-in-head", "the file ends within its head", "tampered", base[: len(head) - 1], name=NAME)
    index.add("head-only", "the file ends after its head", "tampered", head, name=NAME)
    mixed = head + other[len(other_head) :]
    index.add("other-body", "the head of one file and the stream of another", "tampered", mixed, name=NAME)
    index.add(
        "other-name", "a true file under another name", "tampered", sealed(zstd_frame(TEXT), OTHER_NAME), name=NAME
    )
    stranger = sealed(zstd_frame(TEXT), writer=lbx.Writer((OWNER.opening.recipient,), STRANGER.root))
    index.add("unknown-signer", "signed by a stranger, to our recipient", "tampered", stranger, name=NAME)
    index.add(
        "other-kind-of-signature",
        "the head is signed as a manifest",
        "tampered",
        reheaded(base, sign=lambda body: OWNER.root.sign("manifest", body)),
        name=NAME,
    )
    identity = (1).to_bytes(32, "little")
    index.add(
        "small-order-signer",
        "a signer of small order, under which this signature fits every message, and pinned at that",
        "tampered",
        reheaded(base, sign=lambda body: identity + bytes(32), signer=identity),
        name=NAME,
        roots=[identity.hex()],
    )


def headers(index: Index, base: bytes) -> None:
    """Heads with a true signature that must be refused for what they say."""
    changes: dict[str, tuple[str, t.Callable[[dict[str, t.Any]], object]]] = {
        "format": ("an unknown format", lambda fields: fields.update(format="lbx/2")),
        "unknown-key": ("a key that is not known", lambda fields: fields.update(more=1)),
        "missing-key": ("no commit", lambda fields: fields.pop("commit")),
        "duplicate-key": (
            "the name twice",
            lambda fields: json.dumps(fields).encode().replace(b'"name"', b'"name": "x", "name"', 1),
        ),
        "escaped-duplicate-key": (
            "the name twice, once escaped",
            lambda fields: json.dumps(fields).encode().replace(b'"name"', b'"n\\u0061me": "x", "name"', 1),
        ),
        "float": ("a number with a fraction", lambda fields: json.dumps(fields).encode()[:-1] + b', "digest": 1.0}'),
        "utf-16": ("not UTF-8", lambda fields: json.dumps(fields).encode("utf-16")),
        "byte-order-mark": ("a byte order mark", lambda fields: b"\xef\xbb\xbf" + json.dumps(fields).encode()),
        "surrogate": ("half a surrogate pair", lambda fields: fields.update(name="\ud800")),
        "null-digest": ("a digest that is null", lambda fields: fields.update(digest=None)),
        "upper-case-commit": ("commit in upper case", lambda fields: fields.update(commit=fields["commit"].upper())),
        "no-wraps": ("no wraps", lambda fields: fields.update(wraps=[])),
        "repeated-kid": ("a kid twice", lambda fields: fields.update(wraps=fields["wraps"] * 2)),
        "seventeen-wraps": (
            "17 wraps",
            lambda fields: fields.update(wraps=[{**fields["wraps"][0], "kid": str(number)} for number in range(17)]),
        ),
        "loose-base64": (
            "base64 without padding",
            lambda fields: fields["wraps"][0].update(ct=fields["wraps"][0]["ct"].rstrip("=")),
        ),
        "too-large": ("65537 bytes of header", lambda fields: json.dumps(fields).encode().ljust(65537)),
    }
    for name, (comment, change) in changes.items():
        index.add(f"header-{name}", comment, "tampered", reheaded(base, change), name=None)


def openers(index: Index, base: bytes) -> None:
    """Keys: wrong ones, and those that come by rotation or sharing."""
    raw = zstd_frame(TEXT)
    facts = {"name": NAME, "parts": [["good-zstd.lbx", 0, len(base)]], **results(base, raw, TEXT)}
    index.add("wrong-key", "a key that is no recipient", "key-refused", key="stranger", **facts)
    index.keep("handover.json", handover.make(OWNER.opening, [LATER.opening.recipient]))
    index.add("handed-over", "the key that followed", "opens", key="later", handovers=["handover.json"], **facts)
    lying = json.loads((HERE / "handover.json").read_bytes())
    info = b"lifeboat v1 handover\0" + OWNER.opening.recipient.public
    false_secret = primitives.hpke_seal(LATER.opening.recipient.public, info, GUEST.secret)
    lying["wraps"][0]["ct"] = base64.b64encode(false_secret).decode()
    index.keep("handover-lying.json", json.dumps(lying).encode())
    index.add(
        "handed-over-falsely",
        "a handover whose secret is not the old key's",
        "key-refused",
        key="later",
        handovers=["handover-lying.json"],
        **facts,
    )
    head = head_of(base)
    data_key = opener.KeyOpener([OWNER.opening]).data_key(head)
    index.keep("side-wraps.json", wraps.dump_side_wraps({head.sha256: wraps.wrap(GUEST.recipient, data_key)}))
    index.add("shared", "a wrap added for a guest", "opens", key="guest", side_wraps=["side-wraps.json"], **facts)
    index.add("not-shared", "the guest without it", "key-refused", key="guest", **facts)
    false_key = primitives.hpke_seal(GUEST.recipient.public, b"lifeboat v1 wrap\0" + head.commit, bytes(32))
    false = wraps.Wrap(GUEST.recipient.kid, keys.HPKE_X25519, false_key)
    index.keep("side-wraps-false.json", wraps.dump_side_wraps({head.sha256: false}))
    index.add(
        "shared-falsely",
        "an added wrap of another data key",
        "key-refused",
        key="guest",
        side_wraps=["side-wraps-false.json"],
        **facts,
    )
    index.add(
        "commit-of-another-key",
        "a commit that no wrap fits",
        "key-refused",
        reheaded(base, lambda fields: fields.update(commit="ab" * 32)),
        name=NAME,
    )
    index.add(
        "low-order-wrap",
        "a wrap whose encapsulated point is of low order",
        "key-refused",
        reheaded(base, lambda fields: fields["wraps"][0].update(ct="A" * 107 + "=")),
        name=NAME,
    )


def compressed(index: Index) -> None:
    """Authentic streams whose content is not whole: the writer failed, or lied."""
    raw, packed = zstd_frame(TEXT), gzip.compress(TEXT, mtime=0)
    wrong = {
        "zstd-cut": ("the zstd frame lacks its end", raw[:-5]),
        "zstd-garbage": ("bytes after the zstd frame", raw + b"garbage"),
        "zstd-checksum": ("the zstd checksum is wrong", flipped(raw, len(raw) - 1)),
        "gzip-cut": ("the gzip member lacks its end", packed[:-5]),
        "gzip-garbage": ("bytes after the gzip member", packed + b"garbage"),
        "gzip-checksum": ("the gzip checksum is wrong", flipped(packed, len(packed) - 8)),
        "plain": ("neither zstd nor gzip", TEXT),
        "nothing": ("an empty plaintext", b""),
    }
    for name, (comment, content) in wrong.items():
        data = sealed(content)
        index.add(
            f"content-{name}",
            comment,
            "bad-content",
            data,
            name=NAME,
            stream_sha256=hashlib.sha256(content).hexdigest(),
        )


def trusted(index: Index) -> None:
    """Trust files, and a file of a sealed host that they let in or not."""
    raw = zstd_frame(TEXT)
    data = sealed(raw, writer=HOST_WRITER)
    listed = trust.SignerEntry(HOST.public, (SCOPE, "wal/77/*"), NOW - timedelta(days=1))
    base = trust.TrustFile("shop", 7, NOW, HOST_WRITER.recipients, (listed,))

    def variant(*roots: keys.Signer, **changes: t.Any) -> bytes:
        return trust.sign(dataclasses.replace(base, **changes), roots or (OWNER.root,))

    def loose(change: t.Callable[[dict[str, t.Any]], object]) -> bytes:
        fields = json.loads(base.to_payload())
        change(fields)
        return seals.seal_record("trust", json.dumps(fields).encode(), [OWNER.root])

    compromised = dataclasses.replace(listed, compromised_since=NOW)
    whole = variant()
    cross = json.loads(seals.seal_record("mark", base.to_payload(), [OWNER.root]))
    cross["payloadType"] = json.loads(whole)["payloadType"]
    zero = "A" * 43 + "="
    for name, comment, outcome, envelope in (
        ("trust-good", "signed by the pinned root", "accepted", whole),
        ("trust-two-roots", "signed by two roots during a rotation", "accepted", variant(OWNER.root, LATER.root)),
        ("trust-compromised", "lists a compromised signer", "accepted", variant(signers=(compromised,))),
        ("trust-stranger", "signed by a stranger", "tampered", variant(STRANGER.root)),
        ("trust-cross-kind", "signed as a mark, claims to be trust", "tampered", json.dumps(cross).encode()),
        ("trust-flipped", "one bit is flipped", "tampered", flipped(whole, len(whole) // 3)),
        ("trust-other-application", "of another application", "tampered", variant(application="other")),
        ("trust-unknown-key", "a key that is not known", "tampered", loose(lambda fields: fields.update(more=1))),
        ("trust-serial-zero", "serial 0", "tampered", loose(lambda fields: fields.update(serial=0))),
        (
            "trust-small-order",
            "lists a signer of small order",
            "tampered",
            loose(lambda fields: fields["signers"][0].update(public=zero)),
        ),
        (
            "trust-low-order",
            "lists a recipient of low order",
            "tampered",
            loose(
                lambda fields: fields["recipients"][0].update(public=zero, kid=keys.kid(keys.HPKE_X25519, bytes(32)))
            ),
        ),
    ):
        index.record(name, "trust", comment, outcome, envelope, application="shop")
    index.add(
        "good-host", "a sealed host's", "opens", data, name=NAME, trust="trust-good.json", **results(data, raw, TEXT)
    )
    facts = {"name": NAME, "parts": [["good-host.lbx", 0, len(data)]]}
    index.add(
        "good-host-by-guest",
        "its other recipient",
        "opens",
        key="guest",
        trust="trust-good.json",
        **results(data, raw, TEXT),
        **facts,
    )
    index.add("host-without-trust", "only the root may sign", "tampered", **facts)
    index.add("host-compromised", "the host is compromised", "tampered", trust="trust-compromised.json", **facts)
    root = sealed(raw)
    index.add(
        "root-not-listed", "with trust, roots sign trust only", "tampered", root, name=NAME, trust="trust-good.json"
    )


def manifests(index: Index) -> None:
    """The manifest of a logical backup. Whoever reads it and writes it again gets the same bytes."""
    members = [("0001", 1), ("0002", 1), ("0002", 2), ("detail", 1), ("globals", 1)]
    record = manifest.Manifest(
        application="shop",
        backup_id=BACKUP,
        component=SCOPE,
        kind="logical",
        scope="full",
        reason="scheduled",
        proof="counts",
        started=NOW,
        finished=NOW + timedelta(seconds=18, microseconds=200_000),
        versions={"server": "17.6", "pg_dump": "17.6"},
        recipients=(OWNER.opening.recipient.kid, GUEST.recipient.kid),
        parents=(),
        files=tuple(listed(member, volume, 1000 * at) for at, (member, volume) in enumerate(members, 1)),
    )
    envelope = seals.seal_record("manifest", record.payload(), [OWNER.root])
    place = {"application": record.application, "component": record.component, "backup_id": record.backup_id}
    index.keep("manifest-logical.json", envelope)
    index.manifests.append({"file": "manifest-logical.json", "roots": [OWNER.root.public.hex()], **place})


def listed(member: str, volume: int, size: int) -> manifest.File:
    """An entry of a manifest, about a file that is not among the vectors."""
    if member.isdigit():
        name = repository.member("shop", BACKUP, int(member), volume)
    else:
        name = repository.detail("shop", BACKUP, member)
    digests = [hashlib.sha256(f"{kind} of {name}".encode()).hexdigest() for kind in ("bytes", "head")]
    return manifest.File(name, member, volume, size, *digests, 4 * size)


def recoveries(index: Index) -> None:
    """The events of a recovery, one of each kind. Whoever reads them and writes them again gets the same bytes."""
    process = {"host": "admin1", "machine": "f" * 32, "boot": "boot", "ids": "pid:[4026531836]", "pid": 4711}
    run = events.Run(id="0123456789abcdef", user="ada", started="123456", **process)
    steps = tuple(
        events.PlannedStep(each, "d" * 64, each, ("db1",), SCOPE, stage)
        for stage, each in enumerate(("restore", "dns"), 1)
    )
    point = events.Point(BACKUP, NOW, NOW + timedelta(seconds=18), restore_tested=True, size=1000, plain_size=4000)
    later = dataclasses.replace(point, restore_tested=False)
    whats = [
        events.Open(
            plan=events.Plan("data_loss", "e" * 64, steps),
            mode="recover",
            reason="db1 is dead",
            replace={"db1": "spare1"},
            failover={"db2": "db3"},
            points={SCOPE: point},
            forecast={"restore": events.Expected(60, 5, 3), "dns": events.Expected(30, None, 1)},
            incident_at=NOW - timedelta(minutes=5),
            confirmed=("shop@db1",),
            resumed=False,
        ),
        events.Repin({SCOPE: later}),
        events.Begin("restore", 1),
        events.End("restore", 1, "ok", False, "", {"db1": "1 database"}, True, {"bytes": 4000, "warm": False}),
        events.Waiting("dns", "Open for writing?"),
        events.Approve("dns", "grace"),
        events.Leave("waiting"),
        events.TornDown({"db1": "/etc/lifeboat/keys"}),
        events.Told(("team",)),
        events.Close("failed"),
        events.Aim('{"time": "2026-03-01 11:59:00Z"}'),
    ]
    files: list[str] = []
    previous = ""
    for number, what in enumerate(whats, 1):
        at = NOW + timedelta(milliseconds=1500 * number)
        event = events.Event("shop", RECOVERY, number, previous, at, run, what)
        files.append(f"recovery-{number}.json")
        envelope = index.keep(files[-1], seals.seal_record("recovery", event.payload(), [OWNER.root]))
        previous = hashlib.sha256(envelope).hexdigest()
    index.recoveries.append(
        {"files": files, "roots": [OWNER.root.public.hex()], "application": "shop", "recovery_id": RECOVERY}
    )


def main() -> None:
    for old in (*HERE.glob("*.lbx"), *HERE.glob("*.json")):
        old.unlink()
    index = Index()
    base = good(index)
    large(index)
    altered(index, base)
    headers(index, base)
    openers(index, base)
    compressed(index)
    trusted(index)
    manifests(index)
    recoveries(index)
    index.write()


if __name__ == "__main__":
    main()
