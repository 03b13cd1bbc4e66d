# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Marks: small signed records that say something about a backup without touching it.

`restore_tested`: it was restored and compared with its proof, and no test failed since. `pinned`: it stays until
somebody takes that back. `hold`: the same, for the law. `expired`: retention let it go, so that its absence is no loss.
A mark is never changed; taking one back is another mark, which lifts it. Each kind is a scope of its own in the trust
file (`mark/restore_tested`), so a database host cannot attest to its own restore tests.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.crypto import seals, strict_json
from ...drivers.crypto.trust import parse_time, time_text
from ...ground.errors import NotFound, Tampered
from ...ground.workers import at_once
from . import names as repository

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from ...drivers.stores.base import ObjectInfo, Store
    from .stored_backup import Backup
    from .trusted_keys import TrustedKeys

KINDS = repository.MARK_KINDS
RESTORE_TESTED = "restore_tested"
FORMAT = "lifeboat-mark/1"

REASON_LENGTH = 500
"""Characters of a reason: a sentence, not a report."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """One mark. `token` makes its name; with `lifts`, the token of another of its kind, it takes that one back."""

    application: str
    component: str
    backup_id: str
    manifest_sha256: str
    kind: str
    token: str
    at: datetime
    reason: str = ""
    lifts: str = ""

    @property
    def name(self) -> str:
        """The name of its object."""
        return repository.mark(self.application, self.backup_id, self.kind, self.token)

    def payload(self) -> bytes:
        """Return the JSON that is signed and stored."""
        return strict_json.dumps({"format": FORMAT, **dataclasses.asdict(self), "at": time_text(self.at)})


class Word(t.NamedTuple):
    """What was said last about a backup that was restored for a test: when, and whether it is as it was backed up."""

    at: datetime
    passed: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Marks:
    """
    What is said about one backup: the marks that stand, the names of those that are not to be believed, and those that
    take others back.

    A pin that nobody here can check still counts as one: what protects is believed too easily rather than too late.
    """

    standing: tuple[Mark, ...] = ()
    doubtful: tuple[str, ...] = ()
    lifts: tuple[Mark, ...] = ()

    def of(self, kind: str) -> tuple[Mark, ...]:
        """Return the marks of a kind that stand, oldest first."""
        return tuple(mark for mark in self.standing if mark.kind == kind)

    def restore_test(self, manifest_sha256: str) -> Word | None:
        """Return the last word on the backup with this manifest: a mark that stands, or the end of the last one."""
        about = (RESTORE_TESTED, manifest_sha256)
        for said, passed in ((self.standing, True), (self.lifts, False)):
            times = [mark.at for mark in said if (mark.kind, mark.manifest_sha256) == about]
            if times:
                return Word(max(times), passed)
        return None

    @property
    def pinned(self) -> bool:
        """Whether it is pinned."""
        return bool(self.of("pinned")) or self._doubtful("pinned")

    @property
    def held(self) -> bool:
        """Whether it is on hold."""
        return bool(self.of("hold")) or self._doubtful("hold")

    @property
    def expired(self) -> bool:
        """Whether retention let it go."""
        return bool(self.of("expired"))

    def _doubtful(self, kind: str) -> bool:
        return any(name.rpartition("/")[2].startswith(f"{kind}-") for name in self.doubtful)


def make(backup: Backup, kind: str, reason: str, *, at: datetime, token: str, lifts: str = "") -> Mark:
    """Make a mark about a backup as it is stored, to the second."""
    record = backup.manifest
    return Mark(
        application=record.application,
        component=record.component,
        backup_id=record.backup_id,
        manifest_sha256=backup.manifest_sha256,
        kind=kind,
        token=token,
        at=at.replace(microsecond=0),
        reason=reason,
        lifts=lifts,
    )


def parse(payload: bytes, application: str, backup_id: str, kind: str, token: str) -> Mark:
    """Read an authenticated payload that was stored under this name. Raise Tampered when it belongs elsewhere."""
    record = strict_json.take(strict_json.loads(payload, limit=seals.LIMITS["mark"]), _FIELDS, what="The mark")
    place = (record.pop("format"), record["application"], record["backup_id"], record["kind"], record["token"])
    if place != (FORMAT, application, backup_id, kind, token):
        raise Tampered("The mark belongs to another backup.", "Use another copy of it.")
    return Mark(**{**record, "at": parse_time(record["at"])})


def write(store: Store, trusted_keys: TrustedKeys, mark: Mark) -> None:
    """Sign and store a mark. Raise KeyRefused when no key at hand may sign marks of its kind."""
    signer = trusted_keys.root_writer(scope(mark.kind), mark.at).signer
    store.put_new(mark.name, seals.seal_record("mark", mark.payload(), [signer]))


def token(name: str) -> str:
    """Return the token in a mark's name."""
    return name.rpartition("-")[2].removesuffix(".json")


def scope(kind: str) -> str:
    """Return what the trust file must allow a signer of such marks."""
    return f"mark/{kind}"


def read(
    store: Store,
    trusted_keys: TrustedKeys,
    application: str,
    backup_id: str | None = None,
    *,
    kinds: Sequence[str] = KINDS,
) -> dict[str, Marks]:
    """Return the marks of a backup, or of all, by backup id. Raise StoreError when they cannot be read to the end."""
    names = store.list(repository.marks(application, backup_id))
    return judge(store, trusted_keys, application, [info for info in names if _kind(application, info.name) in kinds])


def of(backup: Backup, *kinds: str) -> Marks:
    """Return the marks of these kinds that a backup has. Raise StoreError as `read` does."""
    identity = backup.manifest.backup_id
    said = read(backup.store, backup.trusted_keys, backup.manifest.application, identity, kinds=kinds)
    return said.get(identity, Marks())


def expired(store: Store, trusted_keys: TrustedKeys, application: str, wanted: Collection[str]) -> set[str]:
    """Return those of these backup ids of which a mark says that retention let them go."""
    if not wanted:
        return set()
    prefix = repository.marks(application)
    every = ((info, repository.parse_mark(application, info.name)) for info in store.list(prefix))
    infos = [info for info, parsed in every if parsed and parsed[0] in wanted and parsed[1] == "expired"]
    return {backup_id for backup_id, said in judge(store, trusted_keys, application, infos).items() if said.expired}


def judge(store: Store, trusted_keys: TrustedKeys, application: str, infos: Iterable[ObjectInfo]) -> dict[str, Marks]:
    """
    Read these marks, and return by backup id those that stand and those that are not to be believed.

    What retention purged since it was listed says nothing.
    """
    infos = list(infos)
    found = at_once(lambda info: _read(store, trusted_keys, application, info), infos)
    read_marks: dict[str, list[Mark]] = {}
    doubtful: dict[str, list[str]] = {}
    for info, mark in zip(infos, found, strict=True):
        backup_id = _parsed(application, info.name)[0]
        if mark == "gone":
            continue
        if mark is None:
            doubtful.setdefault(backup_id, []).append(info.name)
        else:
            read_marks.setdefault(backup_id, []).append(mark)
    return {
        backup_id: _said(read_marks.get(backup_id, []), doubtful.get(backup_id, ()))
        for backup_id in {*read_marks, *doubtful}
    }


def _read(
    store: Store, trusted_keys: TrustedKeys, application: str, info: ObjectInfo
) -> Mark | t.Literal["gone"] | None:
    backup_id, kind, token = _parsed(application, info.name)
    try:
        envelope = b"".join(store.get(info.name, 0, seals.envelope_limit("mark") + 1))
    except NotFound:
        return "gone"
    try:
        signers = trusted_keys.root_signers(scope(kind), None, stored=info.modified)
        opened = seals.open_record("mark", envelope, signers)
        mark = parse(opened.payload, application, backup_id, kind, token)
    except Tampered:
        return None
    in_time = trusted_keys.root_signers(scope(kind), mark.at, stored=info.modified)
    return mark if in_time.intersection(opened.signers) else None


def _said(found: Iterable[Mark], doubtful: Iterable[str]) -> Marks:
    ordered = sorted(found, key=lambda mark: (mark.at, mark.token))
    lifts = tuple(mark for mark in ordered if mark.lifts)
    lifted = {(mark.kind, mark.lifts) for mark in lifts}
    standing = (mark for mark in ordered if not mark.lifts and (mark.kind, mark.token) not in lifted)
    return Marks(tuple(standing), tuple(doubtful), lifts)


def _kind(application: str, name: str) -> str:
    parsed = repository.parse_mark(application, name)
    return parsed[1] if parsed else ""


def _parsed(application: str, name: str) -> tuple[str, str, str]:
    return t.cast("tuple[str, str, str]", repository.parse_mark(application, name))


_FIELDS: dict[str, type] = {
    "format": str,
    "application": str,
    "component": str,
    "backup_id": str,
    "manifest_sha256": str,
    "kind": str,
    "token": str,
    "at": str,
    "reason": str,
    "lifts": str,
}
