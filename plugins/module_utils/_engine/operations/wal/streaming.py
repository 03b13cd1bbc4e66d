# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: a server's log into the store as it is written, and not only when a segment is full.

PostgreSQL's pg_receivewal receives it into a directory of ours. A segment that it has finished goes where the server's
own archive_command puts it, under the same name and byte by byte the same; of the one that is running, what is there by
now is stored now and then. Nothing is dropped: while the store is away segments wait here, up to a limit, and then in
the server, up to its own. Whatever this loses, archive_command still has.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import typing as t

from ...drivers.components.postgres import wal_files
from ...drivers.components.postgres.receiving import Receiver
from ...drivers.stores.factory import open_store
from ...ground import disk
from ...ground.errors import Busy, KeyRefused, NotFound, RecoveryError, UsageError
from ...ground.host_state import WAL_RECEIVED, WAL_STREAM_LOCK, WAL_TRUST
from ...ground.units import human_size
from ...records.wal import settings, trusting
from .pushing import LARGEST_AHEAD, PATIENCE, Pusher
from .tails import Tails

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ...drivers.components.postgres.wal_files import WalFile
    from ...ground.model import World
    from ...ground.process import Child
    from ...records.wal.settings import Stream, WalSettings

STEP = 0.5
"""Seconds between two looks at what was received."""

PAUSE = 2
"""Seconds after which what ended, or failed, is tried again."""

WAITING = 1 << 30
"""Bytes that may wait here for the store."""

_GONE = "has already been removed"
"""What a server says of WAL that it does not have any more."""


class Streamer:
    """Streams one cluster's log into `directory` and on into the store; `say` tells people what goes on."""

    def __init__(
        self,
        told: WalSettings,
        receiver: Receiver,
        directory: str,
        *,
        opened: Callable[[], tuple[Pusher, Tails]],
        world: World,
        say: Callable[[str], None],
    ) -> None:
        self._told = told
        self._receiver = receiver
        self._interval = t.cast("Stream", told.stream).interval
        self._directory = directory
        self._opened = opened
        self._world = world
        self._say = say
        self._child: Child | None = None
        self._pushed: set[str] = set()
        self._said: dict[str, str] = {}
        beginning = datetime.datetime.fromtimestamp(0, datetime.UTC)
        self._due = dict.fromkeys(("receive", "store", "tail"), beginning)

    def run(self, ended: Callable[[], bool]) -> None:
        """Work until it has `ended`. Raise UsageError where it cannot work at all; all else is said and tried again."""
        try:
            while not ended():
                self._try("receive", self._receive)
                self._try("store", self._store)
                self._world.sleep(STEP)
        finally:
            self._end()
        self._due |= dict.fromkeys(self._due, self._world.now())
        self._try("store", self._store)

    def _try(self, what: str, step: Callable[[], None]) -> None:
        if self._world.now() < self._due[what]:
            return
        try:
            step()
        except UsageError:
            raise
        except RecoveryError as exc:
            self._tell(what, str(exc))
            self._later(what, PAUSE)
        else:
            if what == "store":
                self._tell(what, "")

    def _tell(self, what: str, text: str) -> None:
        """Say what has changed."""
        if text != self._said.get(what, ""):
            self._said[what] = text
            self._say(text or "The store takes the log again.")

    def _later(self, what: str, seconds: float) -> None:
        self._due[what] = self._world.now() + datetime.timedelta(seconds=seconds)

    def _receive(self) -> None:
        """Let pg_receivewal run where it can, and say why it does not."""
        if self._full():
            self._end()
            return
        if self._child is not None:
            if self._child.alive:
                return
            said = (self._child.stderr.splitlines() or ["it said nothing"])[-1]
            self._say(f"pg_receivewal ended: {said}")
            if _GONE in self._child.stderr:
                self._forget_partials()
            self._child = None
            self._later("receive", PAUSE)
            return
        seen = self._receiver.look()
        if seen.recovering:
            self._tell("receive", "The server is a standby: streaming begins when it is promoted.")
            self._later("receive", PAUSE)
            return
        require(self._told, seen.system_identifier, limited=seen.limited)
        if seen.lost or not seen.there:
            self._say(f"The slot {self._receiver.slot} {'is lost' if seen.lost else 'is not there'}, and made anew.")
            self._forget_partials()
            self._receiver.make_slot()
        self._child = self._receiver.start(self._directory)
        self._tell("receive", f"Receiving by slot {self._receiver.slot}.")

    def _full(self) -> bool:
        """Whether as much waits for the store as may."""
        waits = sum(os.path.getsize(path) for path, _file in self._received(wal_files.SEGMENT))
        short = disk.shortage(self._directory) if waits else ""
        full = waits > WAITING or bool(short)
        if full:
            more = f", and {short}" if short else ""
            self._tell(
                "receive",
                f"{human_size(waits)} wait for the store{more}: nothing more is received. The server keeps what "
                "follows, up to its max_slot_wal_keep_size, and archive_command all of it.",
            )
        return full

    def _store(self) -> None:
        """Store what is whole, in its order, and then what is there of the segment that is running."""
        pusher, tails = self._opened()
        for path, file in [*self._received(wal_files.HISTORY), *self._received(wal_files.SEGMENT)]:
            if file.name not in self._pushed:
                self._push(pusher, path)
            if file.kind == wal_files.HISTORY:
                self._pushed.add(file.name)  # pg_receivewal wants to find it again
            else:
                tails.drop(file)
                self._unlink(path)
        if self._world.now() >= self._due["tail"]:
            self._later("tail", self._interval)
            self._store_tails(tails)

    def _push(self, pusher: Pusher, path: str) -> None:
        """Store a file. What a crash left of one is said, and keeps the others here until somebody looks."""
        try:
            pusher.push(path)
        except UsageError as exc:
            raise RecoveryError(exc.cause, f"Remove it: archive_command has the segment. {exc.remedy}") from exc

    def _store_tails(self, tails: Tails) -> None:
        running = list(self._received(wal_files.PARTIAL))
        for path, file in running:
            try:
                content = b"".join(disk.read_blocks(path, length=self._told.segment_size))
            except NotFound:  # it was finished meanwhile
                continue
            tails.keep(file, content)
        for path, _file in running[:-1]:  # of a timeline that has ended
            self._unlink(path)

    def _received(self, kind: wal_files.Kind) -> Iterator[tuple[str, WalFile]]:
        """Yield what lies in the directory, each with the segment or the history that it is of."""
        with disk.explained(self._directory):
            found = sorted(os.listdir(self._directory))
        for name in found:
            with contextlib.suppress(ValueError):
                file = wal_files.parse(name)
                if file.kind == kind:
                    yield os.path.join(self._directory, name), wal_files.parse(name.removesuffix(".partial"))

    def _forget_partials(self) -> None:
        """Let pg_receivewal begin where its slot does, and not where it stood."""
        for path, _file in list(self._received(wal_files.PARTIAL)):
            self._unlink(path)

    def _unlink(self, path: str) -> None:
        with disk.explained(path):
            os.unlink(path)

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None


def stream(
    config_dir: str,
    state_dir: str,
    cluster: str,
    world: World,
    *,
    ended: Callable[[], bool],
    say: Callable[[str], None],
    check: bool = False,
) -> None:
    """
    Stream until it has `ended`; with `check` only see whether that would work.

    Raise UsageError where it cannot work, Busy where another one streams for this cluster.
    """
    told = settings.read(config_dir, cluster)
    if told.stream is None:
        raise UsageError(
            f"{told.path} does not say how to stream.", "Set lifeboat_wal_stream: true, and run playbook archiving."
        )
    if told.segment_size > LARGEST_AHEAD:
        raise UsageError(
            f"Segments of {human_size(told.segment_size)} are too large to be stored again and again.",
            f"Leave out lifeboat_wal_stream, or use segments of at most {human_size(LARGEST_AHEAD)}.",
        )
    own = told.stream
    receiver = Receiver(own.bin_dir, own.socket, own.port, own.user, own.slot)
    directory = WAL_RECEIVED.folder(state_dir).format(cluster=cluster)
    opened = _opener(told, os.path.join(os.path.dirname(directory), WAL_TRUST.leaf()), world)
    if check:
        seen = receiver.look()
        require(told, seen.system_identifier, limited=seen.limited)
        opened()[1].prove()
        return
    with _alone(WAL_STREAM_LOCK.path(state_dir, cluster=cluster), cluster):
        with disk.explained(directory):
            os.makedirs(directory, mode=0o700, exist_ok=True)
        Streamer(told, receiver, directory, opened=opened, world=world, say=say).run(ended)


def require(told: WalSettings, system_identifier: str, *, limited: bool) -> None:
    """Raise UsageError for a server that is another one, and one that a slot could fill the disk of."""
    if system_identifier != told.system_identifier:
        raise UsageError(
            f"The server has system identifier {system_identifier}, and {told.path} is for {told.system_identifier}.",
            "Run playbook lifeboat.recovery.archiving for this host.",
        )
    if not limited:
        raise UsageError(
            "max_slot_wal_keep_size is -1: while nobody streams, the slot would keep WAL until the disk is full.",
            "Set max_slot_wal_keep_size to what the disk of pg_wal can spare, such as 10GB, and run this again.",
        )


def _opener(told: WalSettings, copy: str, world: World) -> Callable[[], tuple[Pusher, Tails]]:
    """Return what gives those who store, by the trust as it is: signers and recipients change while this runs."""
    store = open_store(told.store, environ={}, patience=PATIENCE)
    made: tuple[Pusher, Tails] | None = None
    until = world.now()

    def opened() -> tuple[Pusher, Tails]:
        nonlocal made, until
        now = world.now()
        if made is None or now >= until:
            held = trusting.load(told, store, copy, now)
            try:
                pusher = Pusher(told, store, held, now)
            except KeyRefused:  # since the copy was made this host may have been listed
                held = trusting.refresh(told, store, copy)
                pusher = Pusher(told, store, held, now)
            made = (pusher, Tails(told, store, held, now))
            until = now + datetime.timedelta(seconds=trusting.MAX_AGE)
        return made

    return opened


@contextlib.contextmanager
def _alone(path: str, cluster: str) -> Iterator[None]:
    with disk.explained(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with disk.closing(handle):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise Busy(f"Another wal-stream works for cluster {cluster}; it holds {path}.", "Stop that one.") from exc
        yield
