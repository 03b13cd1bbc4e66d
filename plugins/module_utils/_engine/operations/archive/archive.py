# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Sealed archives of files and directories: seal, open, verify, list, and let a further recipient open one.

Each verb takes a request and the world, and gives an outcome. Sealing and opening have files of their own, which
state when they change nothing; what only reads, and what adds a recipient, is here.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.crypto import wraps
from ...drivers.crypto.keys import HPKE_X25519, Recipient, public_key
from ...drivers.files import names, tar
from ...drivers.files.safety import MEMBERS, Guard, Limits
from ...ground import disk
from ...ground.errors import UsageError
from ...ground.model import Outcome
from ...records.host.archives import SealedArchives
from .file import ArchiveFile, ArchiveSettings
from .sealing import SealRequest, seal
from .unsealing import OpenRequest, open_archive

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ...ground.model import World
    from ...records.repository.trusted_keys import TrustedKeys

LISTED = 10_000
"""Members that a listing names unless told otherwise; the rest are counted."""


@dataclasses.dataclass(frozen=True, slots=True)
class ReadRequest:
    """Verify or list the archive `path`; a listing names at most `listed` members."""

    settings: ArchiveSettings
    path: str
    listed: int = LISTED
    max_members: int = MEMBERS
    max_bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class RewrapRequest:
    """Let further recipients open `path`: X25519 public keys in hex, or by default those of the trust file."""

    settings: ArchiveSettings
    path: str
    recipients: tuple[str, ...] = ()


def verify(request: ReadRequest, world: World) -> Outcome:
    """
    Check an archive as far as this host can; `level` says how far that was.

    `opens`: a key is at hand, and every byte authenticated, to the end. `intact`: the head is signed by somebody
    trusted and the file's size and hash are those of this host's record. `head`: the head alone could be checked,
    since neither key nor record is here. Raise Tampered when a check fails, KeyRefused when the key does not fit.
    """
    keys, archive = _archive(request, world)
    facts: dict[str, t.Any] = {"path": request.path}
    if keys.can_open:
        guard = Guard(Limits(request.max_members, request.max_bytes), outside_links=True)
        for _member in archive.admitted(guard):
            pass
        head = archive.head()
        facts |= {"level": "opens", "members": guard.members, "bytes": guard.bytes}
    else:
        head = archive.head()
        known = SealedArchives(request.settings.state_dir).recall(request.path)
        if known is not None and known.head_sha256 == head.sha256:
            archive.check_intact(known.size, known.sha256)
            facts["level"] = "intact"
        else:
            archive.check_intact(None, None)
            facts["level"] = "head"
    return Outcome(False, facts | archive.facts(head))


def list_members(request: ReadRequest, world: World) -> Outcome:
    """Name what an archive holds, read to its authenticated end. Raise Tampered, or KeyRefused without a key."""
    _keys, archive = _archive(request, world)
    guard = Guard(Limits(request.max_members, request.max_bytes), outside_links=True)
    listed = [_described(member) for member in archive.admitted(guard) if guard.members <= request.listed]
    facts = {
        "path": request.path,
        "members": listed,
        "count": guard.members,
        "bytes": guard.bytes,
        "truncated": guard.members > len(listed),
    }
    return Outcome(False, facts | archive.facts(archive.head()))


def rewrap(request: RewrapRequest, world: World) -> Outcome:
    """
    Add a file of wraps beside an archive for each recipient that can't open it yet; the archive itself stays as it is.

    Raise KeyRefused when no key at hand opens the archive: only who can open it can share it.
    """
    keys, archive = _archive(request, world)
    head = archive.head()
    recipients = _recipients(request.recipients, keys)
    before = archive.recipients(head)
    missing = [recipient for recipient in recipients if recipient.kid not in before]
    if missing:
        data_key = archive.data_key()
        for recipient in missing:
            record = wraps.dump_side_wraps({head.sha256: wraps.wrap(recipient, data_key)})
            if not world.dry_run:
                disk.write_atomically(archive.side_path(recipient.kid), [record], mode=0o644)
    added = [recipient.kid for recipient in missing]
    after = sorted({*before, *added})
    facts = {
        "path": request.path,
        "added": added,
        "files": [archive.side_path(kid) for kid in added],
        "head_sha256": head.sha256,
        "recipients": after,
    }
    return Outcome(bool(added), facts, _opens_for(request.path, before), _opens_for(request.path, after))


def _archive(request: ReadRequest | RewrapRequest, world: World) -> tuple[TrustedKeys, ArchiveFile]:
    keys = request.settings.trusted_keys(world)
    archive = ArchiveFile(request.path, keys)
    archive.check_present()
    return keys, archive


def _recipients(given: Sequence[str], keys: TrustedKeys) -> list[Recipient]:
    if given:
        return [Recipient(HPKE_X25519, public_key(text, "recipients")) for text in given]
    if keys.trust is None:
        raise UsageError(
            "There is no recipient to rewrap the archive for: none is set, and there is no trust file.",
            "Set recipients to their public keys.",
            field="recipients",
        )
    return list(keys.trust.recipients)


def _described(member: tar.Member) -> dict[str, t.Any]:
    described: dict[str, t.Any] = {
        "name": names.shown(member.name),
        "type": tar.KINDS[member.kind],
        "mode": f"{member.mode & 0o7777:04o}",
        "uid": member.uid,
        "gid": member.gid,
        "size": member.size,
        "mtime": member.mtime // 10**9,
    }
    return described | ({"target": names.shown(member.target)} if member.target else {})


def _opens_for(path: str, kids: list[str]) -> str:
    return f"{names.shown(path)}: opens for {', '.join(kids)}\n"


__all__ = [
    "ArchiveSettings",
    "OpenRequest",
    "ReadRequest",
    "RewrapRequest",
    "SealRequest",
    "list_members",
    "open_archive",
    "rewrap",
    "seal",
    "verify",
]
