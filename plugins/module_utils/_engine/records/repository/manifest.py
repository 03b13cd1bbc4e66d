# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The record that makes a backup exist: what it is, when, of what, and which files it is made of.

A manifest is public and says nothing about the data: names within it, proof, user and host are in the encrypted
detail. Its seal is checked before its payload is parsed. docs/design/format.md lists the fields.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ...drivers.components.base import PHYSICAL, SCOPES, Copy, Parent, WalRange
from ...drivers.components.postgres import timelines, wal_files
from ...drivers.crypto import strict_json
from ...ground.errors import Tampered
from ...ground.verbs import REASONS
from ..wal.names import SYSTEM_IDENTIFIER
from . import names as repository

FORMAT = "lifeboat-manifest/1"

LIMIT = 16 << 20
"""Bytes of a manifest that a reader accepts."""

LARGEST = 1 << 60
"""Bytes that no file has: what is said of its size stays a number that can be added up and shown."""

_HEX = re.compile(r"[0-9a-f]{64}")

_NUMBER = re.compile(r"[0-9]{4}|[1-9][0-9]{4,5}")


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """
    One stored object of a backup.

    `member` is `detail`, `globals` or a number of four digits or more; `size` counts stored bytes and `plain_size` what
    they decompress to; `sha256` is over the stored bytes and `head_sha256` over the signed head alone.
    """

    name: str
    member: str
    volume: int
    size: int
    sha256: str
    head_sha256: str
    plain_size: int

    @property
    def number(self) -> int | None:
        """The number of a data member, None of a record."""
        return int(self.member) if _NUMBER.fullmatch(self.member) else None


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """
    A backup. `started` and `finished` are UTC; `recipients` are key ids; sizes are bytes.

    One of a server's own files alone, and each such one, says which `wal` it needs. It may say what the next `copy` of
    them has to know.
    """

    application: str
    backup_id: str
    component: str
    kind: str
    scope: str
    reason: str
    proof: str
    started: datetime.datetime
    finished: datetime.datetime
    versions: dict[str, str]
    recipients: tuple[str, ...]
    parents: tuple[Parent, ...]
    files: tuple[File, ...]
    wal: WalRange | None = None
    copy: Copy | None = None

    @property
    def size(self) -> int:
        """Bytes in the store, without the manifest itself."""
        return sum(file.size for file in self.files)

    @property
    def plain_size(self) -> int:
        """Bytes before compression and encryption."""
        return sum(file.plain_size for file in self.files)

    @property
    def seconds(self) -> float:
        """How long the backup took."""
        return (self.finished - self.started).total_seconds()

    @property
    def facts(self) -> dict[str, t.Any]:
        """What every result says of it; times are ISO."""
        return {
            "backup_id": self.backup_id,
            "component": self.component,
            "scope": self.scope,
            "reason": self.reason,
            "proof": self.proof,
            "started": self.started.isoformat(),
            "finished": self.finished.isoformat(),
            "seconds": self.seconds,
            "size": self.size,
            "plain_size": self.plain_size,
        }

    def of_member(self, member: str) -> tuple[File, ...]:
        """Return the volumes of `member` in their order. Raise Tampered when one is missing."""
        volumes = sorted((file for file in self.files if file.member == member), key=lambda file: file.volume)
        if not volumes or [file.volume for file in volumes] != list(range(1, len(volumes) + 1)):
            raise Tampered(
                f"The manifest of {self.backup_id} lists no complete member {member}.",
                "Use another backup; this one was not made by this software, or was corrupted before it was signed.",
                backup_id=self.backup_id,
            )
        return tuple(volumes)

    def stored_size(self, number: int, /) -> int:
        """Return the bytes that a data member has in the store."""
        return sum(file.size for file in self.of_member(f"{number:04d}"))

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the data members, ascending."""
        return tuple(sorted({file.number for file in self.files if file.number is not None}))

    def payload(self) -> bytes:
        """Return the JSON that is signed and stored."""
        record = dataclasses.asdict(self)
        wal, copy = record.pop("wal"), record.pop("copy")
        return strict_json.dumps(
            {
                "format": FORMAT,
                **record,
                "started": _to_text(self.started),
                "finished": _to_text(self.finished),
                "parents": list(record["parents"]),
                "recipients": list(self.recipients),
                "files": list(record["files"]),
                "totals": {"size": self.size, "plain_size": self.plain_size, "files": len(self.files)},
                **({"wal": wal | {end: wal_files.shown(wal[end]) for end in _ENDS}} if wal else {}),
                **({"copy": copy} if copy else {}),
            }
        )


def parse(payload: bytes, application: str, component: str, backup_id: str) -> Manifest:
    """
    Read an authenticated payload that was stored for `component` and `backup_id`.

    Raise Tampered when it is of an unknown format, of another place, or inconsistent in itself.
    """
    record = strict_json.take(strict_json.loads(payload, limit=LIMIT), _FIELDS, {"wal": dict, "copy": dict})
    _require(record.pop("format") == FORMAT, backup_id, "has a format that this version does not support")
    totals = strict_json.take(record.pop("totals"), {"size": int, "plain_size": int, "files": int})
    versions = record.pop("versions")
    _require(all(isinstance(value, str) for value in versions.values()), backup_id, "has malformed versions")
    manifest = Manifest(
        **{
            **record,
            "versions": versions,
            "started": _from_text(record["started"], backup_id),
            "finished": _from_text(record["finished"], backup_id),
            "recipients": tuple(_strings(record["recipients"], backup_id)),
            "parents": tuple(Parent(**strict_json.take(parent, _PARENT)) for parent in record["parents"]),
            "files": tuple(File(**strict_json.take(file, _FILE)) for file in record["files"]),
            "wal": _wal(record["wal"], backup_id) if "wal" in record else None,
            "copy": _copy(record["copy"], backup_id) if "copy" in record else None,
        }
    )
    place = (manifest.application, manifest.component, manifest.backup_id)
    _require(place == (application, component, backup_id), backup_id, "belongs to another place")
    _require(manifest.scope in SCOPES and manifest.reason in REASONS, backup_id, "has an unknown scope or reason")
    _require(bool(manifest.parents) == (manifest.scope == "incremental"), backup_id, "has other parents than its scope")
    needs = manifest.kind == PHYSICAL
    _require((manifest.wal is not None) == needs, backup_id, f"{'lacks' if needs else 'has'} a range of WAL")
    _require(needs or manifest.copy is None, backup_id, "has what only a copy of a server's files has")
    _check_files(manifest)
    expected = {"size": manifest.size, "plain_size": manifest.plain_size, "files": len(manifest.files)}
    _require(totals == expected, backup_id, "has totals that differ from its files")
    return manifest


def _wal(told: t.Any, backup_id: str) -> WalRange:
    """Read a range of WAL. Each position has one spelling, and the range holds something."""
    record = strict_json.take(told, _WAL)
    try:
        ends = {end: wal_files.lsn(record[end]) for end in _ENDS}
        right = all(wal_files.shown(ends[end]) == record[end] for end in _ENDS)
    except ValueError:
        ends, right = dict.fromkeys(_ENDS, 0), False
    wal = WalRange(**{**record, **ends})
    right = right and wal.start < wal.stop and wal.segment_size in wal_files.SIZES
    right = right and bool(SYSTEM_IDENTIFIER.fullmatch(wal.system_identifier))
    _require(right and 0 < wal.timeline <= timelines.LAST, backup_id, "has a malformed range of WAL")
    return wal


def _copy(told: t.Any, backup_id: str) -> Copy:
    copy = Copy(**strict_json.take(told, _COPY))
    _require(bool(_HEX.fullmatch(copy.manifest_sha256)), backup_id, "has a malformed hash")
    return copy


def _check_files(manifest: Manifest) -> None:
    """Let a manifest name only its own objects: a signed list must not reach into another backup."""
    identity = manifest.backup_id
    for file in manifest.files:
        if file.number is None:
            name = repository.detail(manifest.application, identity, file.member)
        else:
            name = repository.member(manifest.application, identity, file.number, file.volume)
        hashes = _HEX.fullmatch(file.sha256) and _HEX.fullmatch(file.head_sha256)
        _require(file.name == name and bool(hashes), identity, f"has a malformed entry for {file.name}")
        possible = 0 < file.size < LARGEST and 0 <= file.plain_size < LARGEST and file.volume > 0
        _require(possible, identity, "has an impossible size")
    _require(len({file.name for file in manifest.files}) == len(manifest.files), identity, "names a file twice")
    manifest.of_member("detail")


def _require(condition: bool, backup_id: str, what: str) -> None:
    if not condition:
        raise Tampered(
            f"The manifest of {backup_id} {what}.",
            "Use a version that supports it, or another backup.",
            backup_id=backup_id,
        )


def _strings(values: list[t.Any], backup_id: str) -> list[str]:
    _require(all(isinstance(value, str) for value in values), backup_id, "has a malformed list")
    return values


def _to_text(at: datetime.datetime) -> str:
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _from_text(text: str, backup_id: str) -> datetime.datetime:
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.UTC)
    except ValueError as exc:
        raise Tampered(f"The manifest of {backup_id} has a malformed time.", "Use another backup.") from exc


_FIELDS: dict[str, type] = {
    "format": str,
    "application": str,
    "backup_id": str,
    "component": str,
    "kind": str,
    "scope": str,
    "reason": str,
    "proof": str,
    "started": str,
    "finished": str,
    "versions": dict,
    "recipients": list,
    "parents": list,
    "files": list,
    "totals": dict,
}
_ENDS = ("start", "stop")
_WAL: dict[str, type] = {
    "system_identifier": str,
    "timeline": int,
    "start": str,
    "stop": str,
    "segment_size": int,
    "included": bool,
}
_COPY: dict[str, type] = {"manifest_sha256": str, "checksums": bool}
_PARENT: dict[str, type] = {"backup_id": str, "manifest_sha256": str}
_FILE: dict[str, type] = {
    "name": str,
    "member": str,
    "volume": int,
    "size": int,
    "sha256": str,
    "head_sha256": str,
    "plain_size": int,
}
