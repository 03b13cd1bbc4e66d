# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""wal-stream beside a real server: what it has flushed is in the store an interval later, whatever ends meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import typing as t
from pathlib import Path

import physical_fixtures
import postgres_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal import (
    streaming as streaming_module,
)
from faults import fault_fixtures
from stream_fixtures import LIMIT, SLOT, Streaming, move

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[physical_fixtures.Physical]:
    home = tmp_path_factory.mktemp("streaming")
    with physical_fixtures.running(home, archive_mode="on", max_slot_wal_keep_size=f"'{LIMIT}'") as physical:
        yield physical


@pytest.fixture
def streaming(server: physical_fixtures.Physical) -> Iterator[Streaming]:
    made = Streaming(server)
    made.configure()
    yield made
    made.end()


def write(streaming: Streaming) -> str:
    """Commit something, and return the position after it."""
    streaming.physical.server.execute("INSERT INTO public.plain VALUES (0, 'later')")
    return str(streaming.physical.server.execute("SELECT pg_current_wal_flush_lsn()")[0][0])


def switch(streaming: Streaming) -> str:
    """End the segment, and return its name."""
    write(streaming)
    return str(streaming.physical.server.execute("SELECT pg_walfile_name(pg_switch_wal())")[0][0])


def until_stored(streaming: Streaming, name: str) -> None:
    fault_fixtures.wait_until(lambda: name in streaming.segments, f"the whole {name}")


def test_what_runs_is_stored_now_and_then_and_what_is_whole_as_the_server_would(streaming: Streaming) -> None:
    streaming.start()
    streaming.streamed(write(streaming))
    for _more in range(3):
        streaming.streamed(write(streaming))
    fault_fixtures.wait_until(lambda: [len(of) for of in streaming.tails.values()] == [2], "the newest two tails")
    [running] = streaming.tails
    assert running not in streaming.segments
    assert switch(streaming) == running
    until_stored(streaming, running)
    fault_fixtures.wait_until(lambda: running not in streaming.tails, "the end of its tails")
    # What archive_command copied has the same name and is found to be the same, byte by byte.
    streaming.physical.archive_all()
    streaming.physical.store_wal()
    assert streaming.memory < 100 << 10
    second = streaming.once()
    assert (second.returncode, "Another wal-stream works for cluster main" in second.stderr) == (9, True)
    assert streaming.stop() == 0
    assert not streaming.physical.server.execute("SELECT FROM pg_stat_replication")


def test_a_receiver_that_is_killed_and_a_server_that_restarts_are_begun_again(streaming: Streaming) -> None:
    streaming.start()
    streaming.streamed(write(streaming))
    os.kill(streaming.receiver, signal.SIGKILL)
    streaming.streamed(write(streaming))
    postgres_fixtures.restart_cluster(streaming.physical.server)
    streaming.streamed(write(streaming))
    assert "pg_receivewal ended" in streaming.said
    # Nothing of it stays behind, however it ends.
    receiver = streaming.receiver
    streaming.stop(signal.SIGKILL)
    fault_fixtures.wait_until(lambda: not os.path.exists(f"/proc/{receiver}"), "the end of pg_receivewal")
    streaming.start()
    streaming.streamed(write(streaming))


def test_while_the_store_is_away_segments_wait_and_nothing_is_dropped(streaming: Streaming) -> None:
    streaming.start()
    streaming.streamed(write(streaming))
    away = move(streaming.store)
    names = [switch(streaming) for _segment in range(3)]
    streaming.says("does not exist")
    fault_fixtures.wait_until((streaming.received / names[-1]).exists, f"{names[-1]}, received")
    away.rename(streaming.store)
    streaming.says("The store takes the log again.")
    for name in names:
        until_stored(streaming, name)
    fault_fixtures.wait_until(lambda: not (streaming.received / names[-1]).exists(), "what was stored to go")


def test_more_than_may_wait_is_left_to_the_server(streaming: Streaming, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is of the directory: what follows stays with the server."""
    streaming.start()
    streaming.streamed(write(streaming))
    assert streaming.stop() == 0
    said: list[str] = []
    monkeypatch.setattr(streaming_module, "WAITING", 0)
    away = move(streaming.store)
    looks = iter(range(40))

    def ended() -> bool:
        return next(looks, None) is None or any("nothing more is received" in one for one in said)

    name = switch(streaming)
    try:
        streaming_module.stream(
            f"{streaming.home}/config",
            f"{streaming.home}/state",
            "main",
            streaming.physical.place.world(),
            ended=ended,
            say=said.append,
        )
    finally:
        away.rename(streaming.store)
    assert any("wait for the store: nothing more is received" in one for one in said), said
    assert (streaming.received / name).exists()
    assert not streaming.physical.server.execute("SELECT FROM pg_stat_replication")


def test_a_slot_that_the_server_gave_up_is_made_anew(streaming: Streaming) -> None:
    streaming.start()
    streaming.streamed(write(streaming))
    assert streaming.stop() == 0
    server = streaming.physical.server
    server.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
    server.execute("SELECT pg_reload_conf()")
    try:
        for _segment in range(4):
            last = switch(streaming)
        server.execute("CHECKPOINT")
        assert server.execute("SELECT wal_status FROM pg_replication_slots") == [("lost",)]
        streaming.start()
        streaming.says(f"The slot {SLOT} is lost, and made anew.")
        streaming.streamed(write(streaming))
        assert last not in streaming.segments, "archive_command has what was passed"
    finally:
        server.execute(f"ALTER SYSTEM SET max_slot_wal_keep_size = '{LIMIT}'")
        server.execute("SELECT pg_reload_conf()")


def test_a_slot_without_a_limit_and_another_server_are_refused(streaming: Streaming) -> None:
    assert streaming.once("--check").returncode == 0
    assert not list(streaming.store.glob("shop/wal/*/stream/probe"))
    streaming.configure(system_identifier="7312345678901234567")
    other = streaming.once("--check")
    assert (other.returncode, "is for 7312345678901234567" in other.stderr) == (2, True)
    streaming.configure()
    server = streaming.physical.server
    server.execute("ALTER SYSTEM SET max_slot_wal_keep_size = -1")
    server.execute("SELECT pg_reload_conf()")
    fault_fixtures.wait_until(
        lambda: server.execute("SHOW max_slot_wal_keep_size") == [("-1",)], "the server to know it"
    )
    try:
        for words in ((), ("--check",)):
            refused = streaming.once(*words)
            assert (refused.returncode, "max_slot_wal_keep_size is -1" in refused.stderr) == (2, True)
    finally:
        server.execute(f"ALTER SYSTEM SET max_slot_wal_keep_size = '{LIMIT}'")
        server.execute("SELECT pg_reload_conf()")
    streaming.configure(segment_size=128 << 20)
    large = streaming.once("--check")
    assert (large.returncode, "too large to be stored again and again" in large.stderr) == (2, True)


def test_a_server_that_begins_a_timeline_is_followed(streaming: Streaming) -> None:
    server = streaming.physical.server
    streaming.start()
    streaming.streamed(write(streaming))
    Path(server.directory, "data/standby.signal").touch()
    shutil.chown(f"{server.directory}/data/standby.signal", "postgres", "postgres")
    postgres_fixtures.restart_cluster(server)
    streaming.says("The server is a standby: streaming begins when it is promoted.")
    assert server.execute("SELECT pg_promote()") == [(True,)]
    position = write(streaming)
    streaming.streamed(position)
    assert list(streaming.store.glob("shop/wal/*/00000002/00000002.history.lbx"))
    assert [name for name in streaming.tails if name.startswith("00000002")]
    # What the timeline before had of its last segment stays.
    assert [name for name in streaming.tails if name.startswith("00000001")]
    fault_fixtures.wait_until(lambda: not list(streaming.received.glob("00000001*.partial")), "it to go here")
