# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A standby is promoted, its former primary follows it, and what is lost by that is told exactly."""

from __future__ import annotations

import datetime
import os
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError, UsageError
from postgres_fixtures import start_cluster, stop_cluster

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from pair_fixtures import Server

    Pair = Callable[..., tuple[Server, Server]]

REWINDABLE = {"wal_log_hints": "on"}


def streams(standby: Server, primary: Server) -> bool:
    """Whether the standby has all rows of the primary, over a connection by our slot."""
    standby.catch_up(primary)
    receiver = standby.look()["receiver"]
    assert (receiver["status"], receiver["port"], receiver["slot"]) == (
        "streaming",
        primary.cluster.port,
        "lifeboat_it",
    )
    return standby.rows() == primary.rows()


def test_the_parts_of_two_servers_are_told(pair: Pair) -> None:
    primary, standby = pair()
    primary.cluster.execute("SELECT pg_create_logical_replication_slot('feed', 'pgoutput')")
    primary.write(1)
    one = primary.look()  # which writes a little WAL, as any first reading of rows does
    standby.catch_up(primary)
    other = standby.look()
    assert (one["in_recovery"], one["timeline"], one["promoted_at"], one["receive_lsn"]) == (False, 1, None, None)
    assert [(each["name"], each["state"]) for each in one["standbys"]] == [("lifeboat_it", "streaming")]
    assert [(slot["name"], slot["type"], slot["active"]) for slot in one["slots"]] == [
        ("feed", "logical", False),
        ("lifeboat_it", "physical", True),
    ]
    assert other["in_recovery"]
    assert (other["lag_bytes"], other["timeline"], other["write_lsn"]) == (0, 1, None)
    assert other["receiver"]["status"] == "streaming"
    assert other["system_identifier"] == one["system_identifier"]
    assert 0 <= other["lag_seconds"] < 600
    standby.stop()
    stopped = standby.look()
    assert (stopped["running"], stopped["state"], stopped["clean"]) == (False, "shut down in recovery", True)
    assert stopped["standby_signal"]


def test_a_switchover_loses_nothing_and_leaves_all_data_as_they_are(pair: Pair) -> None:
    former, standby = pair()
    former.write(50)
    began = datetime.datetime.now(datetime.UTC)
    former.stop()
    received = standby.look()["receive_lsn"]
    left = former.look(received)
    assert (left["state"], left["unreceived"]) == ("shut down", {"bytes": 0, "transactions": 0})
    planned = standby.promote(dry_run=True)
    assert planned.changed
    assert standby.look()["in_recovery"]
    done = standby.promote(since=began)
    assert (done.changed, done.facts["promotion"]["timeline"], done.facts["promotion"]["former_timeline"]) == (
        True,
        2,
        1,
    )
    assert standby.rows() == 60
    again = standby.promote(since=began)
    assert not again.changed
    assert "primary already" in again.facts["summary"]
    standby.write(5)
    made = former.follow(standby)
    assert (made.changed, made.facts["method"]) == (True, "none")
    former.start()
    assert streams(former, standby)
    assert not former.follow(standby).changed


def test_what_only_the_former_primary_has_is_counted_and_not_lost_silently(pair: Pair) -> None:
    former, standby = pair(**REWINDABLE)
    standby.hear_nothing()
    former.write(137)
    former.stop("immediate")
    state = standby.look()
    assert former.look(state["receive_lsn"])["unreceived"]["transactions"] == 137
    assert not former.look()["clean"]
    done = standby.promote()
    assert done.facts["lost"]
    assert done.facts["promotion"]["last_commit_at"] == state["last_commit_at"]
    standby.write(3)
    with pytest.raises(
        DatabaseError, match=r"has 137 transactions in .* of WAL that the primary never received"
    ) as caught:
        former.follow(standby)
    assert caught.value.details["transactions"] == 137
    assert not former.look()["clean"]
    made = former.follow(standby, discard=True)
    assert (made.facts["method"], made.facts["discarded"]["transactions"]) == ("rewind", 137), made.facts["reason"]
    former.start()
    assert streams(former, standby)
    assert former.rows() == 13


def test_without_checksums_the_primary_is_copied_and_what_was_there_is_kept(pair: Pair) -> None:
    former, standby = pair()
    standby.hear_nothing()
    former.write(20)
    former.stop()
    standby.promote()
    with pytest.raises(DatabaseError, match="which pg_rewind needs"):
        former.follow(standby, discard=True, method="rewind")
    with pytest.raises(DatabaseError, match="A copy of the primary needs"):
        former.follow(standby, discard=True, size=1 << 60)
    former.leave_half_a_copy()
    made = former.follow(standby, discard=True)
    assert made.facts["method"] == "copy"
    assert os.path.exists(os.path.join(made.facts["kept"], "global/pg_control"))
    former.start()
    assert streams(former, standby)
    assert former.rows() == 10


def test_what_cannot_be_meant_is_refused_before_anything_is_changed(pair: Pair) -> None:
    primary, standby = pair()
    with pytest.raises(DatabaseError, match="never was a standby"):
        primary.promote()
    with pytest.raises(DatabaseError, match="runs as a primary"):
        primary.follow(standby)
    with pytest.raises(DatabaseError, match="does not take a replication connection of role replicator"):
        standby.follow(primary, password="wrong")
    standby.promote()
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    with pytest.raises(DatabaseError, match="before this recovery began"):
        standby.promote(since=later)
    stranger = start_cluster()
    try:
        stranger.execute("CREATE ROLE replicator LOGIN REPLICATION PASSWORD 'a:b\\c'")
        primary.stop()
        with pytest.raises(UsageError, match="is of another cluster than the server at"):
            primary.follow(type(primary)(stranger))
    finally:
        stop_cluster(stranger)
    assert not os.path.exists(f"{primary.data}/standby.signal")
