# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was received goes into the store in its order, whatever else lies there."""

from __future__ import annotations

import dataclasses
import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.receiving import (
    Receiver,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import RecoveryError, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal import streaming
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import settings
from wal_fixtures import CLUSTER, Archive, segment

if t.TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND = (f"00000001000000000000000{number}" for number in (1, 2))


@pytest.fixture
def received(archive: Archive) -> Path:
    directory = archive.spool / "received"
    directory.mkdir()
    return directory


def streamer(archive: Archive, received: Path) -> streaming.Streamer:
    own = {"bin_dir": "/nowhere", "socket": "/nowhere", "port": 5432, "user": "postgres", "slot": "lifeboat_main"}
    archive.configure(stream={**own, "interval": 1})
    told = settings.read(str(archive.home / "config"), CLUSTER)
    world = World(lambda: datetime.now(UTC), lambda _seconds: None, {})
    opened = streaming._opener(told, str(archive.spool / "trust.json"), world)
    assert told.stream is not None
    receiver = Receiver(**{name: value for name, value in dataclasses.asdict(told.stream).items() if name in own})
    return streaming.Streamer(told, receiver, str(received), opened=opened, world=world, say=lambda _text: None)


def test_what_is_whole_is_stored_and_goes_and_what_runs_stays(archive: Archive, received: Path) -> None:
    (received / FIRST).write_bytes(segment(FIRST))
    (received / f"{SECOND}.partial").write_bytes(segment(SECOND))
    streamer(archive, received)._store()
    assert [name.partition("/")[0] for name in archive.stored()] == ["00000001", "stream"]
    assert [path.name for path in received.iterdir()] == [f"{SECOND}.partial"]


def test_what_a_crash_left_of_a_segment_ends_nothing(archive: Archive, received: Path) -> None:
    (received / FIRST).write_bytes(b"cut")
    with pytest.raises(RecoveryError, match="has 3 bytes") as caught:
        streamer(archive, received)._store()
    assert not isinstance(caught.value, UsageError)
    assert "Remove it: archive_command has the segment." in caught.value.remedy
