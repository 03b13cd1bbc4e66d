# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A file or a tree into one sealed archive.

Sealing again changes nothing when three things hold: the archive at the destination is signed by somebody trusted,
is encrypted to today's recipients, and holds what the source holds: names, kinds, contents, owners, modes, times of
files. The last is known from this host's own record of that very archive (a private file of hashes), first by the
inodes of the source, else by reading it; or, where a key that opens is at hand, by reading the archive. A sealed host
that has neither record nor key can't know, and seals again.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import typing as t

from ...drivers.crypto import lbx
from ...drivers.files import names
from ...drivers.files.identity import Identity, Rules
from ...drivers.files.packing import Packer
from ...drivers.files.safety import Guard, Limits
from ...drivers.files.selection import Selection
from ...drivers.files.walking import Tree
from ...ground import codec, disk
from ...ground.errors import KeyRefused, StoreError, Tampered, UsageError
from ...ground.model import Outcome
from ...ground.streams import Peekable
from ...records.host import archives
from .file import SCOPE, ArchiveFile, ArchiveSettings

if t.TYPE_CHECKING:
    from ...drivers.crypto.lbx import Head
    from ...drivers.files.walking import Listing
    from ...ground.model import World
    from ...records.repository.trusted_keys import TrustedKeys

SETTLED = 2 * 10**9
"""Nanoseconds by which a source's newest change must precede the sealing: file systems stamp to 2 seconds at worst."""

WARNINGS = 20
"""Entries left out that are named one by one; the rest are counted."""


@dataclasses.dataclass(frozen=True, slots=True)
class SealRequest:
    """
    Seal `paths` as the file `dest`. `exclude` are patterns (see files/selection.py), `mode` the archive's own.

    `force` replaces a file at `dest` that is no archive of a trusted signer. One directory gives its contents; one
    file gives itself; several paths stand beside each other in the archive under their own names.
    """

    settings: ArchiveSettings
    paths: tuple[str, ...]
    dest: str
    exclude: tuple[str, ...] = ()
    compression: str = "zstd"
    mode: int = 0o600
    force: bool = False


def seal(request: SealRequest, world: World) -> Outcome:
    """
    Make the archive, or find that it is there already. In a dry run nothing is written.

    Raise UsageError for a path that does not exist or a destination that can't be, Busy for an entry that changes
    while it is read, KeyRefused when there is nobody to encrypt to. In every such case `dest` is as it was.
    """
    return _Sealing(request, world).run()


class _Sealing:
    def __init__(self, request: SealRequest, world: World) -> None:
        self._request = request
        self._world = world
        self._left_out: list[str] = []
        self._forgotten: list[str] = []
        self._codec = codec.Codec.parse(request.compression)
        self._keys: TrustedKeys = request.settings.trusted_keys(world)
        self._writer = self._keys.writer(SCOPE)
        self._tree = Tree(request.paths, Selection(request.exclude), self._left_out.append)
        self._archive = ArchiveFile(request.dest, self._keys)
        self._memory = archives.SealedArchives(request.settings.state_dir)
        self._identity = Identity(Rules())
        self._packer = Packer(self._tree, self._identity)

    def run(self) -> Outcome:
        self._check_destination()
        started = int(self._world.now().timestamp() * 10**9)
        listing = self._tree.listing()
        warnings = _summary(self._left_out)
        self._left_out.clear()
        head = self._existing_head()
        reason = self._reason(head, listing, started)
        before = self._describe(head)
        planned = {"dest": self._request.dest, "members": listing.members, "bytes": listing.bytes, "reason": reason}
        if head is not None and not reason:
            changed = self._set_mode()
            after = self._describe(head, self._request.mode)
            return Outcome(changed, {**planned, **self._facts(head)}, before, after, (*warnings, *self._forgotten))
        if self._world.dry_run:
            after = f"{names.shown(self._request.dest)}: an archive of {listing.members} members\n"
            return Outcome(True, planned, before, after, warnings)
        facts = {**planned, **self._write(listing, started)}
        return Outcome(True, facts, before, self._describe(self._archive.head()), (*warnings, *self._warnings()))

    def _check_destination(self) -> None:
        dest = self._request.dest
        if os.path.lexists(dest) and (os.path.islink(dest) or not os.path.isfile(dest)):
            raise UsageError(
                f"{names.shown(dest)} exists and is not a regular file.", "Set another destination.", field="dest"
            )
        if self._tree.holds(dest) or self._tree.is_source(dest):
            raise UsageError(
                f"The archive {names.shown(dest)} would be part of its own source.",
                "Set a destination outside of it.",
                field="dest",
            )

    def _existing_head(self) -> Head | None:
        if not os.path.exists(self._request.dest):
            return None
        try:
            return self._archive.head()
        except Tampered as exc:
            if self._request.force:
                return None
            raise UsageError(
                f"{names.shown(self._request.dest)} exists and is not an archive of a trusted signer.",
                "Set another destination, or force: true to replace it.",
                field="dest",
            ) from exc

    def _reason(self, head: Head | None, listing: Listing, started: int) -> str:
        """Say why the archive must be made, or nothing."""
        if head is None:
            return "the archive does not exist"
        if {item.kid for item in head.wraps} != {item.kid for item in self._writer.recipients}:
            return "the recipients changed"
        known = self._memory.recall(self._request.dest)
        if known is None or known.head_sha256 != head.sha256 or not self._is_stored(known):
            return self._reason_by_reading()
        stamp = archives.stamp(self._request.dest)
        if not known.listing or known.listing != listing.digest:
            if known.identity != self._source_identity():
                return "the source changed"
            self._remember(dataclasses.replace(known, stamp=stamp, listing=_settled(listing, started)))
        elif stamp != known.stamp:
            self._remember(dataclasses.replace(known, stamp=stamp))
        return ""

    def _reason_by_reading(self) -> str:
        if not self._keys.can_open:
            return "this host cannot tell whether the source changed"
        identity = Identity(Rules())
        try:
            for _member in self._archive.admitted(Guard(Limits(), outside_links=True), identity):
                pass
        except KeyRefused:
            return "no available key decrypts the existing archive"
        except Tampered:
            return "the existing archive is corrupted"
        return "" if identity.hexdigest == self._source_identity() else "the source changed"

    def _is_stored(self, known: archives.Sealed) -> bool:
        """Whether the archive on the disk is the recorded one, byte for byte."""
        if archives.stamp(self._request.dest) == known.stamp:
            return True
        try:
            self._archive.check_intact(known.size, known.sha256)
        except Tampered:
            return False
        return True

    def _set_mode(self) -> bool:
        """Set the permissions of the archive. Return whether it had others."""
        dest = self._request.dest
        if stat.S_IMODE(os.stat(dest).st_mode) == self._request.mode:
            return False
        if not self._world.dry_run:
            # Its directory may be another user's, who could put a link there for root to open somebody's file by.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with names.explained(dest), disk.closing(os.open(dest, flags)) as handle:
                os.fchmod(handle, self._request.mode)
        return True

    def _source_identity(self) -> str:
        identity = Identity(Rules())
        for _block in Packer(self._tree, identity):
            pass
        self._left_out.clear()
        return identity.hexdigest

    def _write(self, listing: Listing, started: int) -> dict[str, t.Any]:
        compressed = codec.compress(Peekable(self._packer), self._codec)
        sealed = lbx.SealedFile("", compressed, self._writer)
        disk.write_atomically(self._request.dest, sealed, mode=self._request.mode)
        self._remember(
            archives.Sealed(
                stamp=archives.stamp(self._request.dest),
                sha256=sealed.sha256,
                head_sha256=sealed.head_sha256,
                size=sealed.size,
                identity=self._identity.hexdigest,
                listing=_settled(listing, started),
            )
        )
        return {
            "members": self._packer.members,
            "bytes": self._packer.bytes,
            "size": sealed.size,
            "sha256": sealed.sha256,
            "head_sha256": sealed.head_sha256,
            "recipients": sorted(item.kid for item in self._writer.recipients),
        }

    def _remember(self, sealed: archives.Sealed) -> None:
        if self._world.dry_run:
            return
        try:
            self._memory.keep(self._request.dest, sealed)
        except StoreError as exc:  # the archive is whole, and only the next run has more to do
            self._forgotten.append(f"The archive could not be recorded on this host: {exc.cause}")

    def _warnings(self) -> list[str]:
        warnings = list(self._forgotten)
        outside = list(self._packer.links.outside())
        if outside:
            warnings.append(
                f"{len(outside)} symbolic links point outside the archive, such as {names.shown(outside[0])}: extract "
                "it with outside_links: true."
            )
        stale = self._archive.stale_side_wraps(self._archive.head())
        if stale:
            warnings.append(
                f"{len(stale)} files of wraps beside the archive belong to the replaced one, such as "
                f"{names.shown(stale[0])}: rewrap it for those recipients."
            )
        if not self._memory.usable and not self._keys.can_open:
            warnings.append("Without a state directory or a key to decrypt with, every run writes the archive again.")
        return warnings

    def _facts(self, head: Head) -> dict[str, t.Any]:
        return {
            "size": os.stat(self._request.dest).st_size,
            "head_sha256": head.sha256,
            "recipients": self._archive.recipients(head),
        }

    def _describe(self, head: Head | None, mode: int | None = None) -> str:
        if head is None:
            return f"{names.shown(self._request.dest)}: absent\n"
        kids = ", ".join(self._archive.recipients(head))
        info = os.stat(self._request.dest)
        mode = stat.S_IMODE(info.st_mode) if mode is None else mode
        about = f"an archive of {info.st_size} bytes, mode {mode:04o}, head {head.sha256}, opens for {kids}"
        return f"{names.shown(self._request.dest)}: {about}\n"


def _settled(listing: Listing, started: int) -> str:
    return listing.digest if listing.newest < started - SETTLED else ""


def _summary(left_out: list[str]) -> tuple[str, ...]:
    more = len(left_out) - WARNINGS
    return (*left_out[:WARNINGS], *([f"{more} more entries are omitted."] if more > 0 else ()))
