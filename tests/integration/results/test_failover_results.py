# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user gets from the modules of a failover is as it is kept in tests/data/results."""

from __future__ import annotations

import os
import typing as t

import golden
import pair_fixtures
import pytest
import warm
from story import Story

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from pair_fixtures import Server

MODULES = ["pg_promote", "pg_replication_info", "pg_standby"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The whole story, told once: a primary that dies with three orders of which its standby never heard."""
    home = tmp_path_factory.mktemp("results")
    with pair_fixtures.pairs() as make:
        primary, standby = make(wal_log_hints="on")
        environ = {**primary.cluster.environ, **{name: os.environ[name] for name in ("LOCPATH",) if name in os.environ}}
        names = {str(primary.cluster.execute("SHOW server_version")[0][0]): "<version>"}
        names[str(primary.look()["system_identifier"])] = "<system identifier>"
        for name, server in (("primary", primary), ("standby", standby)):
            names |= {server.cluster.directory: f"<{name}>", str(server.cluster.port): f"<port of {name}>"}
        with warm.warm(MODULES, home, environ, "postgres") as running:
            story = Story(home, running, names)
            looking(story, primary, standby)
            promoting(story, primary, standby)
            following(story, primary, standby)
            yield story


def local(server: Server) -> dict[str, t.Any]:
    """The options that tell which server of the host is meant."""
    place = server.local
    return {
        "data_dir": place.data_dir,
        "bin_dir": place.bin_dir,
        "login_unix_socket": place.unix_socket,
        "login_port": place.port,
    }


def look(story: Story, case: str, options: dict[str, t.Any]) -> None:
    """Keep what a server says, without what the major version decides."""
    read = story.modules.run("pg_replication_info", options)
    assert isinstance(read["server"].pop("checksums"), bool)
    story.keep("pg_replication_info", case, read)


def looking(story: Story, primary: Server, standby: Server) -> None:
    primary.write(1)
    standby.catch_up(primary)
    while primary.look()["standbys"][0]["state"] != "streaming":
        pass
    look(story, "primary", local(primary))
    look(story, "standby", local(standby))
    story.run("pg_replication_info", "bad_position", {**local(primary), "received": "yesterday"})


def promoting(story: Story, primary: Server, standby: Server) -> None:
    story.run("pg_promote", "never_a_standby", local(primary))
    story.run("pg_standby", "runs_as_primary", follower(primary, standby, standby))
    standby.hear_nothing()
    primary.write(3)
    primary.stop("immediate")
    look(story, "stopped", {**local(primary), "received": standby.look()["receive_lsn"]})
    story.run("pg_promote", "stopped", local(primary))
    story.run("pg_promote", "planned", local(standby), check=True)
    story.run("pg_promote", "promoted", local(standby))
    story.run("pg_promote", "promoted_already", local(standby))
    story.run("pg_promote", "promoted_before", {**local(standby), "since": "2099-01-01T00:00:00Z"})


def following(story: Story, former: Server, primary: Server) -> None:
    options = follower(former, primary, primary)
    story.run("pg_standby", "loses_transactions", options)
    accepting = {**options, "discard": True}
    story.run("pg_standby", "no_passfile", {**accepting, "primary": {**options["primary"], "passfile": None}})
    story.run("pg_standby", "planned", accepting, check=True)
    story.run("pg_standby", "copy_planned", {**accepting, "method": "copy"}, check=True)
    story.run("pg_standby", "rewound", accepting)
    former.start()
    former.catch_up(primary)
    story.run("pg_standby", "rewound_already", options)


def follower(server: Server, primary: Server, passfile: Server) -> dict[str, t.Any]:
    """The options that make a server a standby of the other, whose password is beside the data of `passfile`."""
    sender = {"host": "127.0.0.1", "port": primary.cluster.port, "user": "replicator"}
    sender["passfile"] = f"{passfile.cluster.directory}/pgpass"
    return {**local(server), "primary": sender, "slot": "lifeboat_it"}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_gives_what_it_gave(told: Story, module: str) -> None:
    golden.check(module, told.results[module], told.names)
