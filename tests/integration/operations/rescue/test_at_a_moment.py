# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows come back as they were at a moment between two backups, from a copy that recovers within walls."""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t

import physical_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.trials import (
    ScratchTrial,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.standing import Moment
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.rescue.request import RescueRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.rescue.rescue import rescue

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from physical_fixtures import Physical

KEYED = """
CREATE TABLE public.keyed (id int PRIMARY KEY, body text);
INSERT INTO public.keyed SELECT i, 'at the backup' FROM generate_series(1, 50) AS i
"""
WAS = "SELECT id, body FROM public.keyed ORDER BY id"
NOW = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00'"


@dataclasses.dataclass
class Server:
    """A server with a backup and its log after it; `before` are the rows at `moment`, since which some are damaged."""

    physical: Physical
    moment: str
    before: list[t.Any]


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("moment")
    with physical_fixtures.running(directory, archive_mode="on", track_commit_timestamp="on") as physical:
        server = physical.server
        server.execute(KEYED)
        physical.back_up()
        server.execute("INSERT INTO public.keyed SELECT i, 'after it' FROM generate_series(51, 60) AS i")
        server.execute("UPDATE public.keyed SET body = 'changed' WHERE id = 1")
        before = server.execute(WAS)
        [(moment,)] = server.execute(NOW)
        server.execute("DELETE FROM public.keyed WHERE id > 40; UPDATE public.keyed SET body = NULL WHERE id IN (1, 2)")
        server.execute("INSERT INTO public.keyed VALUES (99, 'since')")
        physical.write()
        physical.store_wal()
        yield Server(physical, moment, before)


def _request(damaged: Server, place: Path, target: object, **moment: t.Any) -> RescueRequest:
    return RescueRequest(
        repository=damaged.physical.place.settings,
        cluster="main",
        database="postgres",
        login=damaged.physical.server.login,
        tables=("public.keyed",),
        moment=Moment(target, directory=str(place), **moment),
        trial=ScratchTrial(str(place)),
    )


def test_a_moment_that_is_later_than_what_is_stored_is_refused(damaged: Server, place: Path) -> None:
    rows = damaged.physical.server.execute(WAS)
    request = _request(damaged, place, {"time": "2099-01-01T00:00:00Z"})
    with pytest.raises(errors.UsageError, match="is later than what is stored"):
        rescue(request, damaged.physical.place.world())
    assert os.listdir(place) == []
    assert damaged.physical.server.execute(WAS) == rows


def test_a_moment_that_cannot_be_meant_is_refused(damaged: Server, place: Path) -> None:
    with pytest.raises(errors.UsageError):
        rescue(_request(damaged, place, {"hour": "noon"}), damaged.physical.place.world())


def test_a_backup_of_the_server_that_is_not_there_is_named(damaged: Server, place: Path) -> None:
    absent = "backup-20260101T000000Z-0123456789abcdef"
    with pytest.raises(errors.NotFound, match=absent):
        rescue(_request(damaged, place, "latest", backup=absent), damaged.physical.place.world())


def test_rows_come_back_as_they_were_at_the_moment(damaged: Server, place: Path) -> None:
    physical, server = damaged.physical, damaged.physical.server
    living = server.execute(WAS)
    assert living != damaged.before
    request = _request(damaged, place, {"time": damaged.moment})
    world = physical.place.world()
    seen = rescue(request, dataclasses.replace(world, dry_run=True))
    token = seen.facts["restore"]["confirm"]
    assert token.startswith("public.keyed@20+2+1#")
    assert seen.facts["restore"]["moment"].startswith("time 20")
    assert server.execute(WAS) == living
    with pytest.raises(errors.UsageError, match=re.escape(token)):
        rescue(request, world)
    assert server.execute(WAS) == living
    done = rescue(dataclasses.replace(request, confirm=token), world)
    assert done.changed
    assert server.execute(WAS) == [*damaged.before, (99, "since")]
    again = rescue(request, world)
    assert not again.changed
    assert "nothing to do" in again.facts["summary"]
    assert os.listdir(place) == []
