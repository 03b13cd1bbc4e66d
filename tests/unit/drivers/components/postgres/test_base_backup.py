# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes of BASE_BACKUP is believed only as its protocol has it, and nothing ends that the server did not end."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import base_backup
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.base_backup import (
    Archive,
    Begin,
    Command,
    Data,
    End,
    Manifest,
    Position,
    Tablespace,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND_OK, TUPLES_OK, COPY_OUT, COPY_IN, FATAL_ERROR = 1, 2, 3, 4, 7


@dataclasses.dataclass
class Result:
    """A result of libpq."""

    status: int
    rows: Sequence[Sequence[bytes | None]] = ()
    nfields: int = 0
    error_message: bytes = b""
    fields: dict[int, bytes] = dataclasses.field(default_factory=dict)

    @property
    def ntuples(self) -> int:
        return len(self.rows)

    def get_value(self, row: int, column: int) -> bytes | None:
        return self.rows[row][column]

    def error_field(self, code: int) -> bytes | None:
        return self.fields.get(code)


@dataclasses.dataclass
class Server:
    """Answers as it is told to: results, and between them the messages of the copy."""

    results: list[Result | None]
    messages: list[bytes]
    asked: list[bytes] = dataclasses.field(default_factory=list)
    socket: int = -1
    given: list[bytes] = dataclasses.field(default_factory=list)
    ended: list[bytes | None] = dataclasses.field(default_factory=list)

    def send_query(self, command: bytes) -> None:
        self.asked.append(command)

    def is_busy(self) -> int:
        return 0

    def consume_input(self) -> None:
        raise AssertionError("nothing is waited for")

    def get_result(self) -> Result | None:
        return self.results.pop(0)

    def get_copy_data(self, async_: int) -> tuple[int, t.Any]:
        assert async_
        if not self.messages:
            return -1, memoryview(b"")
        message = self.messages.pop(0)
        return len(message), memoryview(message)

    def put_copy_data(self, buffer: bytes) -> int:
        self.given.append(buffer)
        return 1

    def put_copy_end(self, error: bytes | None = None) -> int:
        self.ended.append(error)
        return 1

    def flush(self) -> int:
        return 0


def table(*rows: Sequence[bytes | None]) -> Result:
    return Result(TUPLES_OK, rows, len(rows[0]))


START = table([b"0/2000028", b"3"])
SPACES = table([b"16384", b"/srv/fast", b"361"], [None, None, b"22943"])
STOP = table([b"0/2000100", b"3"])
FAST, BASE = b"n16384.tar\0/srv/fast\0", b"nbase.tar\0\0"
MESSAGES = [FAST, b"dab", b"p" + bytes(8), b"dcd", BASE, b"def", b"m", b"d{}"]
COPY = [START, SPACES, Result(COPY_OUT)]
GOOD = [*COPY, STOP, Result(COMMAND_OK), None]


def events(messages: list[bytes] = MESSAGES, results: list[Result | None] = GOOD) -> list[base_backup.Event]:
    return list(base_backup.events(Server(list(results), list(messages)), Command()))


def test_what_comes_is_told_in_its_order() -> None:
    space = Tablespace(16384, "/srv/fast", 361 << 10)
    assert events() == [
        Begin(Position(0x2000028, 3), (space,), 22943 << 10),
        Archive(space),
        Data(b"ab"),
        Data(b"cd"),
        Archive(None),
        Data(b"ef"),
        Manifest(),
        Data(b"{}"),
        End(Position(0x2000100, 3)),
    ]


def test_the_command_says_what_is_wanted() -> None:
    server = Server(list(GOOD), list(MESSAGES))
    list(base_backup.events(server, Command("Tom's", "spread", 512, wal=True)))
    assert server.asked == [
        (
            b"BASE_BACKUP (LABEL 'Tom''s', PROGRESS, CHECKPOINT 'spread', TABLESPACE_MAP, MANIFEST 'yes', "
            b"MANIFEST_CHECKSUMS 'SHA256', WAIT false, WAL true, MAX_RATE 512)"
        )
    ]
    assert "MAX_RATE" not in str(Command())
    assert "INCREMENTAL" not in str(Command())
    assert ", WAIT false, INCREMENTAL)" in str(Command(incremental=True))


@pytest.mark.parametrize(
    "messages",
    [
        [b"dab", *MESSAGES],  # data before an archive
        [b"xab", *MESSAGES],
        [b"", *MESSAGES[1:]],
        [BASE, FAST, b"m"],  # in another order
        [FAST, BASE],  # no manifest
        [FAST, b"m"],  # no data directory
        [*MESSAGES, FAST],
        [*MESSAGES, b"m"],
        [FAST, BASE, b"mx"],
        [b"n16384.tar\0/srv/slow\0", BASE, b"m"],
        [b"n16384.tar\0/srv/fast", BASE, b"m"],
        [b"n../16384.tar\0/srv/fast\0", BASE, b"m"],
        [FAST, b"p" + bytes(7), BASE, b"m"],
        [],
    ],
)
def test_a_copy_that_is_not_as_it_must_be_is_an_error(messages: list[bytes]) -> None:
    # An empty message is no message: libpq has none of no bytes.
    messages = [message or b"d" for message in messages]
    with pytest.raises(DatabaseError, match="its protocol does not allow"):
        events(messages)


@pytest.mark.parametrize(
    "results",
    [
        [None],
        [Result(COMMAND_OK)],
        [table([b"0/2000028", b"0"]), SPACES],
        [table([b"2000028", b"3"]), SPACES],
        [table([b"0/2000028", None]), SPACES],
        [table([b"0/2000028", b"3"], [b"0/2000028", b"3"]), SPACES],
        [table([b"0/2000028", b"3", b""]), SPACES],
        [START, table([b"16384", b"/srv/fast", b"361"])],
        [START, table([b"16384", b"srv", b"361"], [None, None, b"1"])],
        [START, table([b"16384", b"/a", b"1"], [b"16384", b"/b", b"1"], [None, None, b"1"])],
        [START, table([None, b"/srv/fast", b"361"], [None, None, b"1"])],
        [START, table([b"16384", b"/srv/fast", None], [None, None, b"1"])],
        [START, Result(TUPLES_OK, (), 3)],
        [START, SPACES, STOP],
        [*COPY, None],
        [*COPY, Result(COMMAND_OK)],
        [*COPY, STOP, None],
        [*COPY, STOP, STOP],
        [*COPY, STOP, Result(COMMAND_OK), STOP],
        [*COPY, table([b"nowhere", b"3"]), Result(COMMAND_OK), None],
    ],
)
def test_an_answer_that_is_not_as_it_must_be_is_an_error(results: list[Result | None]) -> None:
    with pytest.raises(DatabaseError, match="its protocol does not allow"):
        events(results=results)


def passed(server: Server) -> list[base_backup.Event]:
    """Return what passed before the copy failed."""
    seen: list[base_backup.Event] = []
    with pytest.raises(DatabaseError, match="copying its files"):
        seen.extend(event for event in _noted(server, seen))
    return seen


def _noted(server: Server, seen: list[base_backup.Event]) -> t.Iterator[base_backup.Event]:
    for event in base_backup.events(server, Command()):
        seen.append(event)
        yield from ()


DIED = Result(FATAL_ERROR, error_message=b"server closed the connection unexpectedly\n")
CORRUPT = Result(
    FATAL_ERROR, fields={ord("C"): b"XX001", ord("M"): b"checksum verification failure during base backup"}
)


def test_of_a_server_that_dies_the_last_data_never_passes() -> None:
    """Whoever stores it would else have a whole member."""
    for count in range(1, len(MESSAGES)):
        seen = passed(Server([*COPY, DIED], MESSAGES[:count]))
        whole = [message for message in MESSAGES[:count] if not message.startswith(b"p")]
        if whole[-1].startswith(b"d"):
            whole.pop()
        assert len(seen) == 1 + len(whole)
        assert not isinstance(seen[-1], End)


def test_a_checksum_that_the_server_finds_wrong_is_told_after_all_data_and_counts() -> None:
    with pytest.raises(DatabaseError, match="checksum verification failure") as caught:
        events(results=[*COPY, STOP, CORRUPT])
    assert "restore from an earlier backup" in str(caught.value)
    seen = passed(Server([*COPY, STOP, CORRUPT], list(MESSAGES)))
    assert seen[-1] == Manifest()


def test_a_server_is_known_by_its_identifier_and_timeline() -> None:
    answer = table([b"7312345678901234567", b"3", b"0/2000000", None])
    assert base_backup.identify(Server([answer, None], [])) == ("7312345678901234567", 3)
    for other in (table([None, b"1", b"0/2000000", None]), START):
        with pytest.raises(DatabaseError):
            base_backup.identify(Server([other, None], []))


MANIFEST = [b'{"Files":', b"[]}"]
SHA256 = hashlib.sha256(b"".join(MANIFEST)).hexdigest()


def test_a_manifest_is_given_as_it_is() -> None:
    server = Server([Result(COPY_IN), Result(COMMAND_OK), None], [])
    base_backup.upload(server, MANIFEST, SHA256)
    assert (server.asked, server.given, server.ended) == ([b"UPLOAD_MANIFEST"], MANIFEST, [None])


def test_one_that_was_altered_is_never_used() -> None:
    """It may be exchanged after it was looked at."""
    server = Server([Result(COPY_IN), Result(COMMAND_OK), None], [])
    with pytest.raises(DatabaseError, match="was altered"):
        base_backup.upload(server, [*MANIFEST, b" "], SHA256)
    assert server.ended == [b"it is another one"]


@pytest.mark.parametrize(
    "results",
    [
        [None],
        [Result(COPY_OUT)],
        [Result(FATAL_ERROR, fields={ord("C"): b"42601", ord("M"): b"syntax error"})],
        [Result(COPY_IN), None],
        [Result(COPY_IN), Result(FATAL_ERROR, fields={ord("C"): b"XX000", ord("M"): b"checksum mismatch"})],
        [Result(COPY_IN), Result(COMMAND_OK), Result(COMMAND_OK)],
    ],
)
def test_an_answer_to_it_that_is_not_as_it_must_be_is_an_error(results: list[Result | None]) -> None:
    with pytest.raises(DatabaseError):
        base_backup.upload(Server(results, []), MANIFEST, SHA256)
