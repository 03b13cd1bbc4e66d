# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The server's own command for a copy of its files, BASE_BACKUP, as its replication protocol has it.

It gives each tablespace as an archive of its own, the data directory as the last one, then its manifest, and at the end
what WAL they need (PostgreSQL, "Streaming Replication Protocol"; backup/basebackup_copy.c). Whatever else comes is an
error: a copy that is nearly right is none.
"""

from __future__ import annotations

import dataclasses
import hashlib
import select
import typing as t

from ....ground.errors import DatabaseError
from . import timelines, wal_files
from .connection import explained
from .failures import explain_query

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BASE = "base.tar"
"""The archive of the data directory."""

DOING = "copying its files"
UPLOADING = "giving it the manifest of an earlier copy"

_NEW, _DATA, _MANIFEST, _PROGRESS = b"ndmp"
_COMMAND_OK, _TUPLES_OK, _COPY_OUT, _COPY_IN, _FATAL_ERROR = 1, 2, 3, 4, 7
"""What a result is, as libpq numbers it."""

_SQLSTATE, _PRIMARY = ord("C"), ord("M")
"""The fields of an error (https://www.postgresql.org/docs/current/protocol-error-fields.html)."""


class Link(t.Protocol):
    """What is needed of libpq's connection, as psycopg has it."""

    @property
    def socket(self) -> int: ...
    def send_query(self, command: bytes) -> None: ...
    def is_busy(self) -> int: ...
    def consume_input(self) -> None: ...
    def get_result(self) -> t.Any: ...
    def get_copy_data(self, async_: int) -> tuple[int, t.Any]: ...
    def put_copy_data(self, buffer: bytes) -> int: ...
    def put_copy_end(self, error: bytes | None = None) -> int: ...
    def flush(self) -> int: ...


class Identity(t.NamedTuple):
    """The number that a server's cluster got when it was made, and the timeline that it is on."""

    system_identifier: str
    timeline: int


class Position(t.NamedTuple):
    """A position in the server's WAL, and the timeline that it is on."""

    lsn: int
    timeline: int


class Tablespace(t.NamedTuple):
    """A tablespace beside the data directory. The `size` is an estimate in bytes."""

    oid: int
    location: str
    size: int


@dataclasses.dataclass(frozen=True, slots=True)
class Begin:
    """The copy begins. `base_size` is an estimate of the data directory's bytes."""

    start: Position
    tablespaces: tuple[Tablespace, ...]
    base_size: int


@dataclasses.dataclass(frozen=True, slots=True)
class Archive:
    """The next archive begins: that of a tablespace, or of the data directory where there is none."""

    tablespace: Tablespace | None


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """The server's manifest begins."""


@dataclasses.dataclass(frozen=True, slots=True)
class Data:
    """The next bytes of what began last."""

    block: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """All of it came, and the server found nothing wrong with it."""

    stop: Position


Event: t.TypeAlias = "Begin | Archive | Manifest | Data | End"


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """
    What is asked for; `max_rate` is in kB a second, None for no limit. An `incremental` copy is based on the manifest
    that was given to the server before.
    """

    label: str = "lifeboat"
    checkpoint: t.Literal["fast", "spread"] = "fast"
    max_rate: int | None = None
    wal: bool = False
    incremental: bool = False

    def __str__(self) -> str:
        label = self.label.replace("'", "''")
        options = [f"LABEL '{label}'", "PROGRESS", f"CHECKPOINT '{self.checkpoint}'", "TABLESPACE_MAP"]
        options += ["MANIFEST 'yes'", "MANIFEST_CHECKSUMS 'SHA256'", "WAIT false"]
        options += ["INCREMENTAL"] if self.incremental else []
        options += ["WAL true"] if self.wal else []
        options += [f"MAX_RATE {self.max_rate}"] if self.max_rate else []
        return f"BASE_BACKUP ({', '.join(options)})"


def identify(link: Link) -> Identity:
    """Return who the server is."""
    with explained("asking the server who it is"):
        link.send_query(b"IDENTIFY_SYSTEM")
        found = _table(link, columns=4)
        _nothing_more(link)
    if len(found) != 1 or not found[0][0]:
        raise _unexpected("a system without an identifier")
    return Identity(str(found[0][0]), int(found[0][1] or ""))


def upload(link: Link, blocks: Iterable[bytes], sha256: str) -> None:
    """
    Give the server the manifest of an earlier copy, which has this hash.

    Raise DatabaseError where it has another one, which the server then never uses, and where the server refuses it.
    """
    digest = hashlib.sha256()
    with explained(UPLOADING):
        link.send_query(b"UPLOAD_MANIFEST")
        _require(_result(link, UPLOADING), _COPY_IN)
        for block in blocks:
            digest.update(block)
            link.put_copy_data(block)
            _flush(link)
        right = digest.hexdigest() == sha256
        link.put_copy_end(None if right else b"it is another one")
        _flush(link)
        if not right:
            raise DatabaseError("The manifest of the earlier copy was altered.", "Make a full backup.")
        _finish(link, UPLOADING)


def events(link: Link, command: Command) -> Iterator[Event]:
    """
    Run the command, and yield what comes.

    The last data of what began is held back until the next begins, and at the end until the server has said that all
    was well: whoever stores what passes has nothing whole before. Raise DatabaseError for whatever fails.
    """
    with explained(DOING):
        link.send_query(str(command).encode())
        begin = _begin(link)
        yield begin
        expected: list[Archive | Manifest] = [*map(Archive, begin.tablespaces), Archive(None), Manifest()]
        _require(_result(link), _COPY_OUT)
        held: Data | None = None
        running = False
        for kind, body in _messages(link):
            if kind == _PROGRESS and len(body) == 8:
                continue
            if kind == _DATA and running:
                following: Data | Archive | Manifest = Data(body)
            elif kind in {_NEW, _MANIFEST} and expected and _said(expected[0]) == (kind, body):
                following, running = expected.pop(0), True
            else:
                raise _unexpected(f"a message {chr(kind)!r}")
            if held:
                yield held
            held = following if isinstance(following, Data) else None
            if not held:
                yield following
        if expected:
            raise _unexpected("an end before all archives came")
        stop = _position(_table(link, columns=2))
        _finish(link)
        if held:
            yield held
        yield End(stop)


def _begin(link: Link) -> Begin:
    start = _position(_table(link, columns=2))
    *others, base = _table(link, columns=3) or [["", "", ""]]
    try:
        spaces = tuple(Tablespace(int(oid or ""), location or "", _bytes(size)) for oid, location, size in others)
        sound = all(space.location.startswith("/") and space.oid > 0 for space in spaces)
        if base[:2] != [None, None] or not sound or len({space.oid for space in spaces}) < len(spaces):
            raise ValueError
        return Begin(start, spaces, _bytes(base[2]))
    except ValueError:
        raise _unexpected("a list of tablespaces that makes no sense") from None


def _bytes(kilobytes: str | None) -> int:
    return int(kilobytes or "") << 10


def _position(found: Sequence[Sequence[str | None]]) -> Position:
    try:
        ((lsn, timeline),) = found
        position = Position(wal_files.lsn(lsn or ""), int(timeline or ""))
        if not 0 < position.timeline <= timelines.LAST:
            raise ValueError
    except ValueError:
        raise _unexpected("a position that is none") from None
    return position


def _said(event: Archive | Manifest) -> tuple[int, bytes]:
    """Return the message that begins something. A data directory has no place of its own."""
    if isinstance(event, Manifest):
        return _MANIFEST, b""
    space = event.tablespace
    name, location = (f"{space.oid}.tar", space.location) if space else (BASE, "")
    return _NEW, b"%s\0%s\0" % (name.encode(), location.encode("utf-8", "surrogateescape"))


def _messages(link: Link) -> Iterator[tuple[int, bytes]]:
    while True:
        size, data = link.get_copy_data(1)
        if size < 0:
            return
        if size:
            yield data[0], bytes(data[1:])
        else:
            _wait(link)


def _flush(link: Link) -> None:
    """Send all that was put; the server may have to be heard meanwhile."""
    while link.flush():
        waiting = select.poll()
        waiting.register(link.socket, select.POLLIN | select.POLLOUT)
        if any(found & select.POLLIN for _socket, found in waiting.poll()):
            link.consume_input()


def _result(link: Link, doing: str = DOING) -> t.Any:
    """Return the next result, None where there is none. Raise DatabaseError for a failure."""
    while link.is_busy():
        _wait(link)
    found = link.get_result()
    if found is not None and found.status == _FATAL_ERROR:
        state, said = (_text(found.error_field(field)) for field in (_SQLSTATE, _PRIMARY))
        raise explain_query(state, said or _text(found.error_message), doing)
    return found


def _wait(link: Link) -> None:
    # Not within libpq: a signal would have to wait there for a server that says nothing.
    waiting = select.poll()
    waiting.register(link.socket, select.POLLIN)
    waiting.poll()
    link.consume_input()


def _table(link: Link, columns: int) -> list[list[str | None]]:
    found = _require(_result(link), _TUPLES_OK)
    if found.nfields != columns:
        raise _unexpected(f"{found.nfields} columns")
    cells = [[found.get_value(row, column) for column in range(columns)] for row in range(found.ntuples)]
    return [[None if cell is None else _text(cell) for cell in row] for row in cells]


def _finish(link: Link, doing: str = DOING) -> None:
    """Read to the end of the answer: a page with a wrong checksum is an error there, and no earlier."""
    _require(_result(link, doing), _COMMAND_OK)
    _nothing_more(link)


def _nothing_more(link: Link) -> None:
    if _result(link) is not None:
        raise _unexpected("a result after the last")


def _require(found: t.Any, status: int) -> t.Any:
    if found is None or found.status != status:
        raise _unexpected("nothing" if found is None else f"a result of the kind {found.status}")
    return found


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "surrogateescape")


def _unexpected(what: str) -> DatabaseError:
    return DatabaseError(
        f"The server answered {what} while {DOING}, which its protocol does not allow there.",
        "Check the PostgreSQL server log, and that nothing stands between this host and the server.",
    )
