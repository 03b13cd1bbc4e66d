# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbook pitr, on a real server: it runs until the plan is good, comes back as it was, and else as it is."""

from __future__ import annotations

import json
import platform
import typing as t

import pytest

if t.TYPE_CHECKING:
    from archiving_fixtures import Archiving

BEGAN = "SELECT pg_postmaster_start_time(), timeline_id FROM pg_control_checkpoint()"


class Recovering:
    """A server with a base backup, a table, and a moment after which somebody dropped that."""

    def __init__(self, host: Archiving) -> None:
        self.host = host
        told = {"lifeboat_physical": True}
        host.play()
        host.enlist(**told)
        host.play(playbook="physical", **told)
        host.server.execute("CREATE TABLE public.orders AS SELECT generate_series(1, 100) AS id")
        [[self.moment]] = host.server.execute("SELECT clock_timestamp()::text")
        host.server.execute("DROP TABLE public.orders")
        self.last = host.segment()
        host.until(f"SELECT last_archived_wal >= '{self.last}' FROM pg_stat_archiver")

    @property
    def data(self) -> str:
        return f"{self.host.server.directory}/data"

    @property
    def token(self) -> str:
        return f"{self.data}@{platform.node()}"

    def control(self, *words: str) -> list[str]:
        server = self.host.server
        return ["runuser", "-u", "postgres", "--", f"{server.bin}/pg_ctl", "--pgdata", self.data, "-w", *words]

    def play(self, *words: str, before: str = "true", status: int = 0, **changes: t.Any) -> str:
        """Run the playbook; a shell does what is to happen `before` the server is stopped."""
        server = self.host.server
        stop = ["sh", "-c", f'{before} && exec "$@"', "sh", *self.control("stop", "-m", "fast")]
        own = {
            "pitr_cluster": {"owner": "postgres", "data_dir": self.data, "bin_dir": server.bin},
            "pitr_stop": stop,
            "pitr_start": self.control("start", "-l", f"{server.directory}/log"),
        }
        given = {"lifeboat_pitr_target": {"time": self.moment}, **changes}
        return self.host.play(*("-e", json.dumps(own)), *words, playbook="pitr", status=status, **given)

    def left(self) -> list[str]:
        """Return what is left of keys that were lent."""
        places = ("etc/keys/lent-*", "etc/loans/*.loan", "etc/loans/*.sock")
        return [str(path) for place in places for path in self.host.home.glob(place)]


@pytest.mark.long
def test_a_server_comes_back_as_it_was_and_a_failure_leaves_it_as_it_is(archiving: Archiving) -> None:
    there = Recovering(archiving)
    server = archiving.server
    before = server.execute(BEGAN)

    planned = there.play("--check", "--diff")
    assert f"lifeboat_pitr_confirm: {there.token}" in planned
    assert "would be recovered" in planned
    assert there.last in planned
    assert f"lifeboat_pitr_confirm={there.token}" in there.play(status=2)
    assert "no time zone" in there.play(status=2, lifeboat_pitr_target={"time": "2026-11-28 14:05:00"})
    assert server.execute(BEGAN) == before
    assert there.left() == []

    # What is lost after the plan: the server is started again with what it had.
    [segment] = (archiving.home / "store/shop/wal").rglob(f"{there.last}.lbx")
    away = archiving.home / "away"
    said = there.play(before=f"mv {segment} {away}", status=2, lifeboat_pitr_confirm=there.token)
    assert "was not replaced, and its server was started again." in said
    [(began, timeline)] = server.execute(BEGAN)
    assert began > before[0][0]
    assert timeline == 1
    assert there.left() == []

    away.rename(segment)
    said = there.play(lifeboat_pitr_confirm=there.token)
    assert "BASE BACKUP DUE" in said
    assert server.execute("SELECT count(*) FROM public.orders") == [(100,)]
    [[timeline]] = server.execute("SELECT timeline_id FROM pg_control_checkpoint()")
    assert timeline == 2
    # It goes on to archive as the user that it runs as.
    segment = archiving.segment()
    archiving.until(f"SELECT last_archived_wal >= '{segment}' FROM pg_stat_archiver")
    assert {segment, "00000002"} <= archiving.stored()
    assert there.left() == []
