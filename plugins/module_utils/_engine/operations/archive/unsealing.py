# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A sealed archive back into the file or the directory that it was made from.

Nothing reaches the destination before the whole archive authenticated to its end: it grows in a private directory
beside it, and takes its place in one rename. Opening again changes nothing when the destination holds what the
archive would make there: names, kinds, contents, modes, and owners where they are restored; times don't count.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import typing as t

from ...drivers.files import names
from ...drivers.files.identity import Identity, Rules
from ...drivers.files.packing import Packer
from ...drivers.files.safety import MEMBERS, Guard, Limits
from ...drivers.files.selection import Selection
from ...drivers.files.staging import CONTENT, Staging, mounts_below
from ...drivers.files.unpacking import Extractor
from ...drivers.files.walking import Tree
from ...ground.errors import Busy, StoreError, UsageError
from ...ground.model import Outcome
from .file import ArchiveFile, ArchiveSettings

if t.TYPE_CHECKING:
    from ...ground.model import World


@dataclasses.dataclass(frozen=True, slots=True)
class OpenRequest:
    """
    Open the archive `path` as `dest`: a directory for a tree, a file for an archive of one file.

    `force` replaces what is there. `owners` restores numeric owners, as root only; `set_id` keeps the set-user-id and
    set-group-id bits; `outside_links` allows symbolic links that lead out of `dest`.
    """

    settings: ArchiveSettings
    path: str
    dest: str
    force: bool = False
    owners: bool = False
    set_id: bool = False
    outside_links: bool = False
    max_members: int = MEMBERS
    max_bytes: int | None = None


def open_archive(request: OpenRequest, world: World) -> Outcome:
    """
    Make `dest` what the archive holds, or find that it is. In a dry run the archive is read and nothing is written.

    Raise Tampered for an archive that is not authentic to its end or holds what no archive may, KeyRefused when no
    key opens it, UsageError when something else is at `dest` and `force` is not set. Then `dest` is as it was.
    """
    return _Opening(request, world).run()


class _Opening:
    def __init__(self, request: OpenRequest, world: World) -> None:
        self._request = request
        self._world = world
        if request.owners and os.geteuid() != 0:
            raise UsageError("Only root can restore owners.", "Set become: true, or owners: false.", field="owners")
        self._rules = Rules(owners=request.owners, set_id=request.set_id, times=False)
        self._archive = ArchiveFile(request.path, request.settings.trusted_keys(world))
        self._guard = self._new_guard()

    def run(self) -> Outcome:
        self._archive.check_present()
        there = self._inspect()
        before = f"{names.shown(self._request.dest)}: {_kind(there)}\n"
        if there is not None or self._world.dry_run:
            if self._survey(there):
                return Outcome(False, self._facts(), before, before)
            self._check_replaceable(there)
        warnings: tuple[str, ...] = ()
        if not self._world.dry_run:
            warnings = self._extract(there)
        after = f"{names.shown(self._request.dest)}: {self._guard.members} members, {self._guard.bytes} bytes\n"
        return Outcome(True, self._facts(), before, after, warnings)

    def _inspect(self) -> os.stat_result | None:
        dest = self._request.dest
        if not os.path.basename(os.path.abspath(dest)):
            raise UsageError("An archive cannot replace the root directory.", "Set another destination.", field="dest")
        try:
            there = os.lstat(os.path.abspath(dest))
        except FileNotFoundError:
            if not os.path.isdir(os.path.dirname(os.path.abspath(dest))):
                raise UsageError(
                    f"The directory above {names.shown(dest)} does not exist.", "Create it.", field="dest"
                ) from None
            return None
        if not (stat.S_ISDIR(there.st_mode) or stat.S_ISREG(there.st_mode)):
            raise UsageError(
                f"{names.shown(dest)} is neither a file nor a directory.",
                "Set the path of one, not of a link to it.",
                field="dest",
            )
        self._check_safe_to_replace()
        return there

    def _check_safe_to_replace(self) -> None:
        dest = self._request.dest
        if os.path.realpath(self._request.path).startswith(os.path.join(os.path.realpath(dest), "")):
            raise UsageError(
                f"The archive itself is in {names.shown(dest)}, which it would replace.",
                "Move the archive elsewhere, or set another destination.",
                field="dest",
            )
        mounts = mounts_below(dest)
        if mounts:
            raise UsageError(
                f"{names.shown(mounts[0])} is a mount point, which cannot be replaced.",
                "Extract the archive to a directory that is not a mount point and contains none.",
                field="dest",
            )

    def _survey(self, there: os.stat_result | None) -> bool:
        """Read the archive to its authenticated end, and say whether it is what is there."""
        self._guard = self._new_guard()
        identity = Identity(self._rules, unnamed=True)
        for _member in self._archive.admitted(self._guard, identity):
            pass
        if there is None:
            return False
        self._check_kind(there)
        return self._identity_of_destination() == identity.hexdigest

    def _identity_of_destination(self) -> str | None:
        left_out: list[str] = []
        identity = Identity(self._rules, unnamed=True)
        try:
            for _block in Packer(Tree([self._request.dest], Selection(), left_out.append), identity):
                pass
        except (Busy, StoreError):  # what can't be read or doesn't hold still isn't what the archive holds
            return None
        return None if left_out else identity.hexdigest

    def _check_kind(self, there: os.stat_result) -> None:
        if stat.S_ISDIR(there.st_mode) == self._guard.lone_file:
            what = "one file" if self._guard.lone_file else "a directory"
            raise UsageError(
                f"The archive contains {what}, and {names.shown(self._request.dest)} is {_kind(there)}.",
                "Set a destination of the same kind, or one that does not exist.",
                field="dest",
            )

    def _check_replaceable(self, there: os.stat_result | None) -> None:
        if there is None or self._request.force:
            return
        with names.explained(self._request.dest):
            if stat.S_ISDIR(there.st_mode) and not os.listdir(self._request.dest):
                return
        raise UsageError(
            f"{names.shown(self._request.dest)} exists and differs from the content of the archive.",
            "Set force: true to replace it, or set another destination.",
            field="force",
        )

    def _extract(self, there: os.stat_result | None) -> tuple[str, ...]:
        dest = os.path.abspath(self._request.dest)
        self._guard = self._new_guard()
        with Staging(dest) as staging:
            extractor = Extractor(staging.handle, CONTENT, self._rules, self._guard, dest)
            extractor.extract(self._archive.plaintext())
            if there is not None:
                self._check_kind(there)
            staging.place(replace=there is not None)
        removed = extractor.set_id_removed
        return (f"The set-user-ID or set-group-ID bit of {removed} members was not restored.",) if removed else ()

    def _new_guard(self) -> Guard:
        limits = Limits(self._request.max_members, self._request.max_bytes)
        return Guard(limits, outside_links=self._request.outside_links)

    def _facts(self) -> dict[str, t.Any]:
        return {
            "path": self._request.path,
            "dest": self._request.dest,
            "members": self._guard.members,
            "bytes": self._guard.bytes,
            **self._archive.facts(self._archive.head()),
        }


def _kind(there: os.stat_result | None) -> str:
    if there is None:
        return "absent"
    return "a directory" if stat.S_ISDIR(there.st_mode) else "a file"
