# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
One standalone `.lbx` archive on a disk, as a reader may believe it.

Its name is "" and it has no manifest: the signed head is its seal, and the end of its stream proves that it is whole.
Wraps for further recipients lie beside it in `<archive>.wraps-<kid>.json`. They need no seal, since the head commits
to the data key, and one that does not fit is passed over.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
import typing as t

from ...drivers.crypto import lbx, wraps
from ...drivers.files import names, tar
from ...drivers.stores import factory
from ...ground import codec, disk
from ...ground.errors import KeyRefused, Tampered, UsageError
from ...ground.streams import Tally
from ...records.repository import trusted_keys
from ...records.repository.names import check_application

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...drivers.crypto.lbx import Head
    from ...drivers.files.identity import Identity
    from ...drivers.files.safety import Guard
    from ...ground.model import World

SCOPE = "archive"
"""What a signer's entry in the trust file must list before its archives are believed."""

SIDE_LIMIT = 64 << 10
SIDE_FILES = 256
"""How many files of wraps beside an archive are read: nobody shares one with more, and somebody may litter."""


@dataclasses.dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """
    Whose archives these are and which keys belong to them.

    `store` is where the trust file is; without one nobody but the root is believed, which is all that single-key
    mode needs. `state_dir` is this host's own memory.
    """

    application: str
    keys: trusted_keys.KeySettings
    store: factory.StoreSettings | None = None
    state_dir: str | None = None

    def trusted_keys(self, world: World) -> trusted_keys.TrustedKeys:
        """Read the keys and the trust that they are under. Raise KeyRefused when they do not fit."""
        # An archive writes nothing there.
        store = factory.open_store(self.store, environ=world.environ, dry_run=True) if self.store else None
        return trusted_keys.load(self.keys, store, check_application(self.application))


class ArchiveFile:
    """An archive at a path. `tally` counts and hashes the file once `members` or `check_intact` has read it."""

    def __init__(self, path: str, keys: trusted_keys.TrustedKeys) -> None:
        self.path = path
        self._keys = keys
        self.tally = Tally()

    def check_present(self) -> None:
        """Raise UsageError unless a regular file is there."""
        try:
            info = os.stat(self.path)
        except OSError as exc:
            raise UsageError(
                f"The archive {names.shown(self.path)} cannot be used: {exc.strerror}.",
                "Correct the path, or grant the user who runs this access to it.",
                field="path",
            ) from exc
        if not stat.S_ISREG(info.st_mode):
            raise UsageError(
                f"{names.shown(self.path)} is not a file.", "Set the path of an .lbx archive.", field="path"
            )

    def head(self) -> Head:
        """Return the head, if somebody signed it who may. Raise Tampered otherwise."""
        head, _rest = lbx.read_head(disk.read_blocks(self.path, 0, lbx.HEAD_LIMIT))
        if head.signer not in self._keys.record_signers(SCOPE) or head.name:
            raise Tampered(
                f"{names.shown(self.path)} is not an archive of a trusted signer.",
                "It was not used. Check which application and which root it belongs to.",
                path=names.shown(self.path),
            )
        return head

    def members(self) -> Iterator[tuple[tar.Member, Iterator[bytes]]]:
        """Yield every member with its contents; the iteration ends only when the whole file was authentic."""
        return tar.read_members(self.plaintext())

    def admitted(self, guard: Guard, identity: Identity | None = None) -> Iterator[tar.Member]:
        """Yield every member once the guard let it in; all of it goes into the identity. Raise as `guard` does."""
        for member, contents in self.members():
            guard.admit(member)
            if identity is not None:
                identity.member(member)
                for _piece in identity.contents(contents):
                    pass
            yield member
        guard.finish()

    def facts(self, head: Head) -> dict[str, t.Any]:
        """Return what is reported of an archive that was read, and who can open it."""
        return {
            "size": self.tally.bytes,
            "sha256": self.tally.hexdigest,
            "head_sha256": head.sha256,
            "recipients": self.recipients(head),
        }

    def plaintext(self) -> Iterator[bytes]:
        """Yield the tar stream, as far as it authenticated."""
        opened = lbx.open_file(self._blocks(), self._expected(), _ArchiveOpener(self, self._keys.opener))
        return codec.decompress(opened)

    def check_intact(self, size: int | None, sha256: str | None) -> Head:
        """Read the whole file without a key, and compare it with what is known of it. Raise Tampered."""
        expected = dataclasses.replace(self._expected(), size=size, sha256=sha256)
        return lbx.check_intact(self._blocks(), expected)

    def data_key(self) -> bytes:
        """Return the data key. Raise KeyRefused when no key at hand opens the archive."""
        return _ArchiveOpener(self, self._keys.opener).data_key(self.head())

    def recipients(self, head: Head) -> list[str]:
        """Return the kids of all who can open it, by its head or by a file beside it."""
        return sorted({item.kid for item in head.wraps} | {item.kid for item in self.side_wraps(head)})

    def side_wraps(self, head: Head) -> list[wraps.Wrap]:
        """Return the wraps in the files beside it that are meant for this head."""
        found = (self._read_side(path).get(head.sha256) for path in self._side_paths())
        return [wrap for wrap in found if wrap is not None]

    def stale_side_wraps(self, head: Head) -> list[str]:
        """Return the paths of files of wraps that fit another archive than this one."""
        return [path for path in self._side_paths() if head.sha256 not in self._read_side(path)]

    def side_path(self, kid: str) -> str:
        """Return the path of the wraps for one further recipient."""
        return f"{self.path}.wraps-{kid}.json"

    def _side_paths(self) -> list[str]:
        directory, own = os.path.split(os.path.abspath(self.path))
        begin = f"{own}.wraps-"
        with names.explained(directory):
            found = [name for name in os.listdir(directory) if name.startswith(begin) and name.endswith(".json")]
        paths = (os.path.join(directory, name) for name in sorted(found)[:SIDE_FILES])
        return [path for path in paths if os.path.isfile(path)]  # a pipe of that name would hold us up

    def _read_side(self, path: str) -> dict[str, wraps.Wrap]:
        with contextlib.suppress(Tampered):
            return wraps.parse_side_wraps(b"".join(disk.read_blocks(path, 0, SIDE_LIMIT)))
        return {}

    def _blocks(self) -> Iterator[bytes]:
        self.tally = Tally()
        return self.tally.watch(disk.read_blocks(self.path))

    def _expected(self) -> lbx.Expected:
        return lbx.Expected(name="", signers=self._keys.record_signers(SCOPE))


class _ArchiveOpener:
    """Tries the keys at hand on the head's own wraps, then on those beside the archive."""

    def __init__(self, archive: ArchiveFile, keys: lbx.Opener) -> None:
        self._archive = archive
        self._keys = keys

    def data_key(self, head: Head) -> bytes:
        try:
            return self._keys.data_key(head)
        except KeyRefused:
            side = self._archive.side_wraps(head)
            if not side:
                raise
        # The same head with other wraps: whatever they yield still has to fit its commitment.
        return self._keys.data_key(dataclasses.replace(head, wraps=tuple(side)))
