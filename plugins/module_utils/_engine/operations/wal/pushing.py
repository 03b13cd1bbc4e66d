# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: the files of a server's write-ahead log into the store, as its archive_command.

A file counts as stored once the store gives it back, whole, under a name that nobody can take a second time. What the
server asks for comes first; what it will ask for next goes along, and leaves a note. Nothing is ever left out: whatever
cannot be stored is asked for again, for ever, and the server keeps it (PostgreSQL, "Continuous Archiving").
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import os
import threading
import typing as t

from ...drivers.components.postgres import wal_files
from ...drivers.crypto import keys, lbx
from ...drivers.stores.plain import open_plain
from ...drivers.stores.settings import Patience
from ...ground import codec, disk
from ...ground.errors import AlreadyExists, Busy, KeyRefused, RecoveryError, Tampered, UsageError
from ...ground.host_state import WAL_LOCK, WAL_TRUST
from ...ground.streams import Peekable
from ...records.wal import contents, names, settings, trusting

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ...drivers.components.postgres.wal_files import WalFile
    from ...drivers.stores.base import Store
    from ...ground.model import World
    from ...records.repository.trusted_keys import TrustedKeys
    from ...records.wal.settings import WalSettings
    from .spool import Spool

PATIENCE = Patience(connect=5, request=30, retries=2, retrying=40)
"""The server asks again by itself, and meanwhile nothing else of it waits."""

WAIT = 60
"""Seconds to wait for another call that works for the same cluster, such as one of a server that was just stopped."""

LOOKS = 20
"""How often in a second to look whether it is done."""

LARGEST_AHEAD = 64 << 20
"""Bytes of a segment beyond which only what is asked for is pushed: each is in memory while it is."""

_NOT_STORED = "Nothing was stored. Find out what wrote it; after an upgrade, run playbook lifeboat.recovery.archiving."


class Pusher:
    """Pushes files of one cluster. Safe to use from several threads."""

    def __init__(self, told: WalSettings, store: Store, trusted_keys: TrustedKeys, now: datetime) -> None:
        self._told = told
        self._store = store
        self._keys = trusted_keys
        self._writer = trusted_keys.writer(told.scope, now)

    def push(self, path: str) -> None:
        """
        Store a file, or find it stored. Raise UsageError for one that is not what its name says, and what the store
        raises; Tampered where another server's file has its name.
        """
        file = wal_files.parse(os.path.basename(path))
        content = _content(path, file, self._told.server)
        digest = keys.plaintext_digest(self._keys.digest_key, [content])
        if file.kind != wal_files.PARTIAL and self._stored(file, content, digest, ""):
            return
        # Its name is taken by something that no signer of ours made, or it has none.
        if not self._stored(file, content, digest, names.token(digest)):
            raise Tampered(
                f"Both names of {file.name} in {self._store.url} are taken by files that no trusted signer made.",
                "Find out who writes into the store, and remove them there.",
            )

    def _stored(self, file: WalFile, content: bytes, digest: str, token: str) -> bool:
        """Store a file under a name. False where something has the name that cannot be believed."""
        name = names.name(self._told.application, self._told.system_identifier, file, token)
        blocks = (content[start : start + codec.BLOCK] for start in range(0, len(content), codec.BLOCK))
        packed = codec.compress(Peekable(blocks), self._told.compression)
        try:
            sealed = lbx.SealedFile(name, packed, self._writer, digest=digest, lineage=_lineage(file, content))
            self._store.put_new(name, b"".join(sealed))
        except AlreadyExists:
            return self._same(name, file, digest)
        return True

    def _same(self, name: str, file: WalFile, digest: str) -> bool:
        """Whether what has a name is this very file; Tampered where it is another one of a signer of ours."""
        start = self._store.get(name, 0, lbx.HEAD_LIMIT)
        try:
            head, _rest = lbx.read_head(start, lbx.Expected(name, self._keys.root_signers(self._told.scope)))
        except Tampered:
            return False
        if head.digest != digest:
            raise Tampered(
                f"{file.name} is in {self._store.url} already, with another content: another server archives under "
                f"timeline {file.timeline}.",
                "Stop one of the two, or promote one so that it begins a timeline of its own.",
            )
        return True


def push(config_dir: str, cluster: str, path: str, spool: Spool, world: World) -> None:
    """
    Store the file at `path`, relative to the data directory, and push what the server will ask for next.

    Raise what keeps this file from being stored; with the others it is tried again.
    """
    told = settings.read(config_dir, cluster)
    _require_own(told)
    with _alone(spool.directory, cluster, world):
        if spool.stored(path):  # by the call that was waited for
            return
        store = open_plain(told.store, environ={}, patience=PATIENCE)
        pusher = _pusher(told, store, os.path.join(spool.directory, WAL_TRUST.leaf()), world.now())
        directory, name = os.path.split(path)
        ahead = [os.path.join(directory, one) for one in _ahead(directory, name, told, spool)]
        with _beside(pusher, ahead, spool, told.jobs - 1):
            pusher.push(path)


@contextlib.contextmanager
def _beside(pusher: Pusher, paths: Sequence[str], spool: Spool, jobs: int) -> Iterator[None]:
    """
    Push other files in `jobs` threads while the block runs, and then here too; those that wait are left if it fails.
    """
    waiting = collections.deque(paths)

    def work() -> None:
        while True:
            try:
                path = waiting.popleft()
            except IndexError:
                return
            _push_ahead(pusher, path, spool)

    threads = [threading.Thread(target=work) for _job in range(min(jobs, len(paths)))]
    for thread in threads:
        thread.start()
    try:
        yield
        work()
    except BaseException:
        waiting.clear()
        raise
    finally:
        for thread in threads:
            thread.join()


def _push_ahead(pusher: Pusher, path: str, spool: Spool) -> None:
    """Push a file that was not asked for, and leave a note. What keeps it is said when it is asked for."""
    with contextlib.suppress(OSError, ValueError, RecoveryError):
        state = spool.state(path)
        pusher.push(path)
        if spool.state(path) == state:
            spool.note(os.path.basename(path), state)


def _pusher(told: WalSettings, store: Store, copy: str, now: datetime) -> Pusher:
    try:
        return Pusher(told, store, trusting.load(told, store, copy, now), now)
    except KeyRefused:
        # Since the copy was made this host may have been listed.
        return Pusher(told, store, trusting.refresh(told, store, copy), now)


def _require_own(told: WalSettings) -> None:
    """Raise UsageError unless the working directory is the one that the settings are for."""
    try:
        same = os.path.samefile(os.getcwd(), told.data_directory)
    except OSError:
        same = False
    if not same:
        raise UsageError(
            f"{told.path} is for the data directory {told.data_directory}, and not for {os.getcwd()}.",
            "A copy of a server must not archive into the log of its original: set its archive_command to an empty "
            "text, or run playbook lifeboat.recovery.archiving for it.",
        )


def _content(path: str, file: WalFile, server: contents.Server) -> bytes:
    """Return what a file holds. Raise UsageError where it is not what its name says."""
    content = b"".join(disk.read_blocks(path, length=contents.limit(file, server) + 1))
    size = len(content) if len(content) <= contents.limit(file, server) else os.path.getsize(path)
    if cause := contents.refusal(file, server, content[: contents.HEADER_BYTES], size):
        raise UsageError(f"{path} {cause}.", _NOT_STORED)
    return content


def _lineage(file: WalFile, content: bytes) -> lbx.Lineage | None:
    """Return what the content of a history says, for those who have no key; None for another file."""
    if file.kind != wal_files.HISTORY:
        return None
    try:
        return tuple((one.timeline, wal_files.shown(one.end)) for one in contents.ancestors(file, content))
    except ValueError as exc:
        raise UsageError(f"In {file.name}, {exc}.", _NOT_STORED) from exc


def _ahead(directory: str, name: str, told: WalSettings, spool: Spool) -> Sequence[str]:
    """Return what the server will ask for next, in its order: histories first, then by name."""
    try:
        waiting = os.listdir(os.path.join(directory, "archive_status"))
    except FileNotFoundError:  # not called by a server
        return ()
    ready = {one.removesuffix(".ready") for one in waiting if one.endswith(".ready")}
    spool.tidy(ready)
    if told.segment_size > LARGEST_AHEAD:
        return ()
    others = (one for one in ready if one != name and not spool.has(one))
    return sorted(others, key=lambda one: (not one.endswith(".history"), one))[: told.batch - 1]


@contextlib.contextmanager
def _alone(directory: str, cluster: str, world: World) -> Iterator[None]:
    """Hold the cluster's lock. Raise Busy when another call does not let it go."""
    path = os.path.join(directory, WAL_LOCK.leaf())
    with disk.explained(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with disk.closing(handle):
        for _attempt in range(WAIT * LOOKS):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                world.sleep(1 / LOOKS)
        else:
            told = f"Another wal-push of cluster {cluster} has been at work for over {WAIT} s."
            raise Busy(told, f"See what it waits for; it holds {path}.")
        yield
