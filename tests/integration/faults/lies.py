# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A real S3 server whose answers are changed on their way, beside small real backups, and a judge who sees the truth.

No database takes part: what is sealed and stored is random, and a restore is a reading of the latest to its end. The
judge looks past the proxy. Wrong is what reports success and is not so, and whatever destroys a backup that was to
stay; a refusal is right, however often the store lies.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import hashlib
import random
import re
import secrets
import signal
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.settings import Patience
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import codec
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import RecoveryError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup, storing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.mark import marking
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.verify import verification
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import (
    catalogue,
    manifest,
    newer,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.receipts import Receipt
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import policy

from .cuts import Fault, FaultProxy
from .fault_fixtures import write_secret

from faultproxy import told  # isort: skip - cuts makes it importable

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from s3_fixtures import S3

    Answer = Callable[[bytes, bytes], tuple[bytes, bytes]]

APPLICATION, CLUSTER, DATABASE = "shop", "main", "shop"
COMPONENT = f"{CLUSTER}/{DATABASE}"
KEPT = 3
"""Backups that retention is to leave, of those that there are."""

LIMIT = 60
"""Seconds that an operation may take beside a store that lies."""

IMPATIENT = Patience(connect=2, request=3, retries=1, retrying=5)
ERROR = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>No</Message></Error>'
PAGE = b"<html><body>Please log in.</body></html>"
DETAIL = {
    "format": "lifeboat-detail/1",
    "compression": "zstd:3",
    "members": [],
    "tables": [],
    "proof": {"level": "none"},
}


@dataclasses.dataclass
class Tally:
    """What became of the lies: how many there were, by their kinds, and what was wrong."""

    lies: int = 0
    refused: int = 0
    outcomes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    wrong: list[str] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        return f"{self.lies} lies, {self.refused} refused, wrong: {len(self.wrong)} ({kinds})"


class Fixture:
    """An application's store behind a proxy, and beside it."""

    def __init__(self, s3: S3, proxy: FaultProxy, home: Path, chance: random.Random) -> None:
        self.proxy = proxy
        self.client = s3.client()
        self.bucket = s3.bucket
        self.prefix = f"lies/{secrets.token_hex(6)}"
        self.chance = chance
        self.plain: dict[str, bytes] = {}
        write_secret(home / f"{self.prefix[5:]}.key", f"{chance.getrandbits(256):064x}")
        (home / self.prefix[5:]).mkdir()
        keys = KeySettings(recovery_key_file=str(home / f"{self.prefix[5:]}.key"))
        straight = s3.settings(self.prefix)
        self.told = catalogue.RepositorySettings(
            APPLICATION, dataclasses.replace(straight, endpoint=proxy.endpoint), keys, str(home / self.prefix[5:])
        )
        # A host of its own that remembers nothing: it judges by what is there.
        self.true = catalogue.RepositorySettings(APPLICATION, straight, keys)

    def world(self) -> World:
        return World(now=lambda: datetime.datetime.now(datetime.UTC), sleep=lambda _seconds: None, environ={})

    def back_up(self, settings: catalogue.RepositorySettings, minutes: float) -> str:
        """Store a small backup that began so many minutes ago, by what stores each; raise as it does."""
        opened = catalogue.open_repository(settings, self.world())
        started = self.world().now() - datetime.timedelta(minutes=minutes)
        identity = repository.backup_id(started, secrets.token_hex(8))
        writer = opened.trusted_keys.writer(COMPONENT, started)
        files = storing.BackupFiles(
            opened.store,
            APPLICATION,
            identity,
            writer,
            codec.Codec.parse("zstd:1"),
            component=COMPONENT,
            attempt=1,
            progress=t.cast("t.Any", None),
            phases=t.cast("t.Any", None),
        )
        self.plain[identity] = self.chance.randbytes(self.chance.randrange(1, 200_000))
        try:
            files.member(1, iter([self.plain[identity]]))
            files.record("globals", {"roles": []})
            files.record("detail", DETAIL)
            record = self._record(identity, started, files, writer)
            envelope = backup._publish(opened, writer, record, files.finish)
        except BaseException:
            if backup._surely_unlisted(opened, COMPONENT, identity):
                files.discard()
            raise
        digest = hashlib.sha256(envelope).hexdigest()
        opened.receipts.add(
            Receipt(APPLICATION, COMPONENT, identity, digest, "full", "manual", record.finished.isoformat(), 1, 1)
        )
        return identity

    def _record(
        self, identity: str, started: datetime.datetime, files: storing.BackupFiles, writer: t.Any
    ) -> manifest.Manifest:
        return manifest.Manifest(
            application=APPLICATION,
            backup_id=identity,
            component=COMPONENT,
            kind="logical",
            scope="full",
            reason="manual",
            proof="none",
            started=started,
            finished=started + datetime.timedelta(seconds=20),
            versions={"server": "17.0"},
            recipients=tuple(recipient.kid for recipient in writer.recipients),
            parents=(),
            files=files.files,
        )

    def whole(self) -> dict[str, bool]:
        """
        Return the backups that an authentic manifest stands for, and whether each is read to its end and is right.
        """
        opened = catalogue.open_repository(self.true, self.world())
        found = {}
        for place in opened._places(None):
            try:
                read = opened.read(place.component, place.backup_id)
            except RecoveryError:
                continue
            try:
                right = b"".join(read.member(1)) == self.plain[place.backup_id]
                found[place.backup_id] = right and bool(read.detail()) and bool(read.record("globals"))
            except RecoveryError:
                found[place.backup_id] = False
        return found


def strike(s3: S3, home: Path, count: int, seed: int, report: Callable[[str], None] = lambda _line: None) -> Tally:
    """Tell `count` lies, each to an operation of its own, and judge what came of it."""
    host, _colon, port = s3.endpoint.removeprefix("http://").partition(":")
    proxy = FaultProxy((host, int(port)))
    tally = Tally()
    number = 0
    patient = catalogue.factory.open_store
    catalogue.factory.open_store = lambda *given, **named: patient(*given, **{**named, "patience": IMPATIENT})  # type: ignore[assignment]
    before = signal.signal(signal.SIGALRM, _too_long)
    try:
        while tally.lies < count:
            chance = random.Random(f"{seed}/{number}")
            number += 1
            wrong = len(tally.wrong)
            _try_one(Fixture(s3, proxy, home, chance), tally, f"{seed}/{number - 1}")
            if len(tally.wrong) > wrong:
                report(f"WRONG: {tally.wrong[-1]}")
            if number % 50 == 0:
                report(str(tally))
    finally:
        signal.signal(signal.SIGALRM, before)
        catalogue.factory.open_store = patient
        proxy.close()
    return tally


def _too_long(_number: int, _frame: object) -> t.NoReturn:
    raise TimeoutError(f"it takes longer than {LIMIT} s")


def _try_one(fixture: Fixture, tally: Tally, seed: str) -> None:
    chance = fixture.chance
    fixture.proxy.reset()
    made = [fixture.back_up(fixture.told, minutes) for minutes in (50, 40, 30, 20)]
    operation = chance.choice(list(OPERATIONS))
    kind = chance.choice(KINDS[operation])
    where, lie = LIES[kind](fixture)
    times = chance.choice((1, 1, 2, 1 << 30))
    fixture.proxy.add(Fault(where, times=times, lie=lie))
    try:
        signal.alarm(LIMIT)
        problem = OPERATIONS[operation](fixture, made)
        outcome = "done"
    except RecoveryError as exc:
        problem, outcome = "", "refused"
        if not exc.cause:
            problem = "an error without a cause"
    except Exception as exc:  # noqa: BLE001 - what is no error of ours is the finding
        problem, outcome = f"{type(exc).__name__}: {exc}", "crashed"
    finally:
        signal.alarm(0)
    struck = fixture.proxy.struck
    fixture.proxy.reset()
    if not struck:
        return
    tally.lies += 1
    tally.refused += outcome == "refused"
    tally.outcomes[f"{operation} {outcome}"] += 1
    found = fixture.whole()
    meant = made if operation != "retention" else made[-KEPT:]
    lost = [identity for identity in meant if not found.get(identity)]
    broken = [identity for identity, right in found.items() if not right]
    problem = problem or (f"lost {lost}" if lost else f"listed and broken {broken}" if broken else "")
    if problem:
        tally.wrong.append(f"seed {seed}, {operation}, {kind} x{times}, {outcome}: {problem}")


def _back_up(fixture: Fixture, made: list[str]) -> str:
    identity = fixture.back_up(fixture.told, 1)
    return "" if fixture.whole().get(identity) else "a backup is reported and cannot be read"


def _list(fixture: Fixture, made: list[str]) -> str:
    facts = listing.list_backups(listing.ListRequest(fixture.told), fixture.world()).facts
    shown = {row["backup_id"] for row in facts["backups"]}
    if strange := shown - set(made):
        return f"lists {strange}, which are none"
    untold = [one for one in set(made) - shown if one not in str(facts["problems"])]
    return f"leaves out {untold} without a word" if untold else ""


def _verify(fixture: Fixture, made: list[str]) -> str:
    request = verification.VerifyRequest(fixture.told, level="opens")
    facts = verification.verify(request, fixture.world()).facts
    return "" if set(facts["backups"]) == set(made) else f"vouches for {len(facts['backups'])} of {len(made)}"


def _restore(fixture: Fixture, made: list[str]) -> str:
    world = fixture.world()
    opened = catalogue.open_repository(fixture.told, world)
    chosen = newer.choose(opened, COMPONENT, "latest", world.now())
    if chosen.certain:
        return ""  # a restore denies it
    identity = chosen.backup.manifest.backup_id
    if identity != made[-1]:
        return f"took {identity} for the latest"
    chosen.backup.check_opens()
    right = b"".join(chosen.backup.member(1)) == fixture.plain[identity]
    return "" if right and chosen.backup.detail() == {**DETAIL, "component": COMPONENT} else "restored other bytes"


def _retain(fixture: Fixture, made: list[str]) -> str:
    request = prune.PruneRequest(
        fixture.told, policy.parse({"keep_last": KEPT, "max_delete_share": 50}), garbage_age=0, lock_timeout=0
    )
    facts = prune.prune(request, fixture.world()).facts
    gone = set(facts["deleted_backups"])
    return f"let {gone} go" if gone - {made[0]} else ""


def _pin(fixture: Fixture, made: list[str]) -> str:
    marking.mark(marking.MarkRequest(fixture.told, CLUSTER, DATABASE, made[0]), fixture.world())
    said = catalogue.open_repository(fixture.true, fixture.world()).marks(made[0])
    return "" if made[0] in said and said[made[0]].pinned else "a pin is reported and is not there"


OPERATIONS: dict[str, Callable[[Fixture, list[str]], str]] = {
    "backup": _back_up,
    "list": _list,
    "verify": _verify,
    "restore": _restore,
    "retention": _retain,
    "pin": _pin,
}

OBJECT = r"^GET [^ ]*/(manifests|details|data|marks|locks)/[^ ?]* "
LISTING = r"^GET [^ ]*list-type=2"


def _about(pattern: str, answer: Callable[[Fixture, bytes, bytes], tuple[bytes, bytes]]) -> Callable[[Fixture], t.Any]:
    """Make a lie out of what it changes; it may ask for chance, and do something beside."""

    def lie(fixture: Fixture) -> tuple[str, Answer]:
        return pattern, lambda head, body: answer(fixture, head, body)

    return lie


def _object(answer: Callable[[Fixture, bytes, bytes], tuple[bytes, bytes]]) -> Callable[[Fixture], t.Any]:
    def lie(fixture: Fixture) -> tuple[str, Answer]:
        part = fixture.chance.choice(("manifests", "details", "data", "manifests|details|data|marks|locks"))
        return rf"^GET [^ ]*/({part})/[^ ?]* ", lambda head, body: answer(fixture, head, body)

    return lie


def _flip(fixture: Fixture, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    changed = bytearray(body or b"?")
    changed[fixture.chance.randrange(len(changed))] ^= 1 << fixture.chance.randrange(8)
    return told(head, bytes(changed))


def _another(fixture: Fixture, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Return the same part of another object of its kind."""
    listed = fixture.client.list_objects_v2(Bucket=fixture.bucket, Prefix=fixture.prefix)
    names = [item["Key"] for item in listed["Contents"]]
    other = fixture.client.get_object(Bucket=fixture.bucket, Key=fixture.chance.choice(names))["Body"].read()
    return told(head, (other * (len(body) // max(len(other), 1) + 1))[: len(body)])


def _entries(body: bytes) -> tuple[bytes, list[bytes], bytes]:
    found = re.findall(rb"<Contents>.*?</Contents>", body, re.DOTALL)
    if not found:
        return body, [], b""
    return body[: body.index(found[0])], found, body[body.rindex(found[-1]) + len(found[-1]) :]


def _relisted(change: Callable[[random.Random, list[bytes]], list[bytes]]) -> Callable[[Fixture], t.Any]:
    def answer(fixture: Fixture, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        before, found, after = _entries(body)
        return told(head, before + b"".join(change(fixture.chance, found)) + after)

    return _about(LISTING, answer)


def _resized(chance: random.Random, found: list[bytes]) -> list[bytes]:
    return [re.sub(rb"<Size>\d+", b"<Size>%d" % chance.randrange(1000), one) for one in found]


def _renamed(chance: random.Random, found: list[bytes]) -> list[bytes]:
    return [one.replace(b"backup-2", b"backup-1") if chance.random() < 0.5 else one for one in found]


def _spoil(change: Callable[[Fixture, str], None]) -> Callable[[Fixture], t.Any]:
    """Let the server take a write, say so, and then do something else to it."""

    def lie(fixture: Fixture) -> tuple[str, Answer]:
        def answer(head: bytes, body: bytes) -> tuple[bytes, bytes]:
            key = re.search(rf"^PUT /{fixture.bucket}/([^ ?]*) ", fixture.proxy.seen[-1])
            if key and b" 200 " in head.split(b"\r\n")[0]:
                change(fixture, key[1].replace("%25", "%"))
            return told(head, body)

        part = fixture.chance.choice(("manifests", "details", "data", "marks", "locks"))
        return rf"^PUT [^ ]*/({part})/", answer

    return lie


def _rewrite(fixture: Fixture, key: str) -> None:
    data = fixture.client.get_object(Bucket=fixture.bucket, Key=key)["Body"].read()
    cut = fixture.chance.choice((data[:-1], data[:0], bytes(len(data)), data[: len(data) // 2], data + b"x"))
    fixture.client.put_object(Bucket=fixture.bucket, Key=key, Body=cut)


def _forget(fixture: Fixture, key: str) -> None:
    fixture.client.delete_object(Bucket=fixture.bucket, Key=key)


READS: dict[str, Callable[[Fixture], t.Any]] = {
    "whole for a range": _object(lambda _g, head, body: told(head, body, status=200)),
    "range elsewhere": _object(lambda _g, head, body: told(head, body, content_range=b"bytes 7-9/100")),
    "range shorter": _object(lambda _g, head, body: told(head, body[:-1], content_range=b"bytes 0-0/1")),
    "range unsaid": _object(lambda _g, head, body: told(head, body, content_range=None)),
    "less than it says": _object(lambda _g, head, body: told(head, body[:-1])),
    "cut": _object(lambda _g, head, body: told(head, body[: len(body) // 2], content_length=b"%d" % len(body))),
    "more than it says": _object(lambda g, head, body: told(head, body + g.chance.randbytes(99))),
    "a bit flipped": _object(_flip),
    "zeros": _object(lambda _g, head, body: told(head, bytes(len(body)))),
    "another object": _object(_another),
    "an error as the object": _object(lambda _g, head, _b: told(head, ERROR % b"InternalError", status=200)),
    "a page as the object": _object(lambda _g, head, _b: told(head, PAGE, status=200)),
    "nothing": _object(lambda _g, head, _b: told(head, b"", status=200, content_range=None)),
    "no content": _object(lambda _g, head, _b: told(head, b"", status=204, content_range=None)),
    "not there": _object(lambda _g, head, _b: told(head, ERROR % b"NoSuchKey", status=404)),
    "not allowed": _object(lambda _g, head, _b: told(head, ERROR % b"AccessDenied", status=403)),
    "broken": _object(lambda _g, head, _b: told(head, ERROR % b"InternalError", status=500)),
    "elsewhere": _object(lambda _g, head, _b: told(head, b"", status=307, location=b"/nowhere")),
    "not modified": _object(lambda _g, head, _b: told(head, b"", status=304)),
    "another tag": _object(lambda g, head, body: told(head, body, etag=b'"%d"' % g.chance.randrange(99))),
    "no tag": _object(lambda _g, head, body: told(head, body, etag=None)),
    "another time": _object(lambda _g, head, body: told(head, body, last_modified=b"Mon, 01 Jan 2035 00:00:00 GMT")),
    "HEAD another size": _about("^HEAD ", lambda _g, head, _b: told(head, b"", content_length=b"99")),
    "HEAD not there": _about("^HEAD ", lambda _g, head, _b: told(head, b"", status=404)),
    "HEAD not allowed": _about("^HEAD ", lambda _g, head, _b: told(head, b"", status=403)),
}
LISTINGS: dict[str, Callable[[Fixture], t.Any]] = {
    "listing: an error": _about(LISTING, lambda _g, head, _b: told(head, ERROR % b"InternalError")),
    "listing: a page": _about(LISTING, lambda _g, head, _b: told(head, PAGE)),
    "listing: nothing": _about(LISTING, lambda _g, head, _b: told(head, b"")),
    "listing: cut": _about(LISTING, lambda _g, head, body: told(head, body[: len(body) * 2 // 3])),
    "listing: not allowed": _about(LISTING, lambda _g, head, _b: told(head, ERROR % b"AccessDenied", status=403)),
    "listing: not there": _about(LISTING, lambda _g, head, _b: told(head, ERROR % b"NoSuchKey", status=404)),
    "listing: no entries": _relisted(lambda _c, _f: []),
    "listing: half of them": _relisted(lambda chance, found: [one for one in found if chance.random() < 0.5]),
    "listing: the first ones": _relisted(lambda _c, found: found[: len(found) // 2]),
    "listing: the last ones": _relisted(lambda _c, found: found[len(found) // 2 :]),
    "listing: all but the last": _relisted(lambda _c, found: found[:-1]),
    "listing: twice": _relisted(lambda _c, found: found + found),
    "listing: backwards": _relisted(lambda _c, found: found[::-1]),
    "listing: other sizes": _relisted(_resized),
    "listing: other names": _relisted(_renamed),
}
WRITES: dict[str, Callable[[Fixture], t.Any]] = {
    "stored and changed": _spoil(_rewrite),
    "stored and gone": _spoil(_forget),
    "PUT not stored": _about("^PUT ", lambda _g, head, _b: told(head, ERROR % b"InternalError", status=500)),
    "PUT refused": _about("^PUT ", lambda _g, head, _b: told(head, ERROR % b"AccessDenied", status=403)),
    "PUT there already": _about("^PUT ", lambda _g, head, _b: told(head, ERROR % b"PreconditionFailed", status=412)),
    "PUT an error": _about("^PUT ", lambda _g, head, _b: told(head, ERROR % b"InternalError", status=200)),
    "DELETE refused": _about("^DELETE ", lambda _g, head, _b: told(head, ERROR % b"AccessDenied", status=403)),
    "DELETE broken": _about("^(DELETE |POST .*delete)", lambda _g, head, _b: told(head, ERROR % b"No", status=500)),
    "POST an error": _about("^POST ", lambda _g, head, _b: told(head, ERROR % b"InternalError", status=200)),
    "POST nothing": _about("^POST ", lambda _g, head, _b: told(head, b"", status=200)),
}
LIES = {**READS, **LISTINGS, **WRITES}
KINDS = {
    "backup": [*READS, *LISTINGS, *WRITES],
    "list": [*READS, *LISTINGS],
    "verify": [*READS, *LISTINGS],
    "restore": [*READS, *LISTINGS],
    "retention": [*READS, *LISTINGS, *WRITES],
    "pin": [*READS, *LISTINGS, *WRITES],
}
