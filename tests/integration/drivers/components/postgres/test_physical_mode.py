# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever stands against an incremental copy makes a full one, which says why, and never one that does not restore."""

from __future__ import annotations

import dataclasses
import hashlib
import pwd
import shutil
import subprocess
import typing as t
from pathlib import Path

import physical_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import Parent
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    physical_mode,
    recovering_server,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.server import (
    programs,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.progress import Progress
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.mark import marking
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr import unpacking
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.pitr import recover
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.request import PitrRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.staging import Stage
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.policy import parse
from faults import fault_fixtures
from pair_fixtures import as_owner
from physical_fixtures import Physical

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.catalogue import Backup
    from pair_fixtures import Server
    from postgres_fixtures import Cluster


class Alone:
    """A server without an archive, whose backups have their WAL in themselves."""

    def __init__(self, physical: Physical) -> None:
        self.physical = physical
        self.server = physical.server

    @property
    def has_copies(self) -> bool:
        return self.server.execute("SHOW server_version_num")[0][0] >= f"{physical_mode.INCREMENTAL_MAJOR}0000"

    def set(self, name: str, value: str) -> None:
        self.server.execute(f"ALTER SYSTEM SET {name} = {value}")
        self.server.execute("SELECT pg_reload_conf()")

    def made(self, mode: str = "auto", **rules: t.Any) -> dict[str, t.Any]:
        """Make one, and return what is said of it, with the warnings."""
        outcome = self.physical.back_up(wal="included", rules=physical_mode.Rules(mode, **rules))
        return {**outcome.facts["backup"], "warnings": outcome.warnings}

    def refused(self) -> str:
        with pytest.raises(DatabaseError, match="No incremental backup can be made") as caught:
            self.made("incremental")
        assert "mode: auto" in caught.value.remedy or "summarize_wal" in caught.value.remedy
        return caught.value.cause

    def manifest(self, backup_id: str) -> Path:
        (path,) = (self.physical.place.home / "state").rglob(f"{backup_id}.manifest")
        return path

    def stopped(self, *argv: str) -> None:
        """Run a program of the server while that is stopped."""
        control = [f"{self.server.bin}/pg_ctl", "-D", f"{self.server.directory}/data", "-w"]
        with as_owner():
            for command in ([*control, "stop"], list(argv), [*control, "-l", f"{self.server.directory}/log", "start"]):
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Alone]:
    with physical_fixtures.running(tmp_path_factory.mktemp("alone")) as physical:
        found = Alone(physical)
        if found.has_copies:
            found.set("summarize_wal", "on")
        yield found


def test_one_that_is_asked_for_is_refused_where_there_is_nothing_before_it(alone: Alone) -> None:
    expected = "there is no backup that it could be based on" if alone.has_copies else "PostgreSQL 15 makes none"
    assert expected in alone.refused()
    assert alone.physical.place.unlisted_objects() == []


def _altered(alone: Alone, last: str) -> None:
    """Forge a manifest that is right in itself: nobody has to sign one, and the server would take it."""
    path = alone.manifest(last)
    head, _sum = path.read_text().rsplit('"Manifest-Checksum"', 1)
    body = head.replace('"Size": 8192', '"Size": 16384', 1)
    assert body != head
    path.write_text(f'{body}"Manifest-Checksum": "{hashlib.sha256(body.encode()).hexdigest()}"}}\n')


def _gone(alone: Alone, last: str) -> None:
    alone.manifest(last).unlink()


def _without_summaries(alone: Alone, _last: str) -> None:
    alone.server.execute("CHECKPOINT")
    summarized = (
        "SELECT summarized_lsn >= (SELECT redo_lsn FROM pg_control_checkpoint()) FROM pg_get_wal_summarizer_state()"
    )
    fault_fixtures.wait_until(lambda: alone.server.execute(summarized)[0][0], "the summary of what the backup wrote")
    for path in Path(alone.server.directory, "data/pg_wal/summaries").iterdir():
        path.unlink()


def _not_summarizing(alone: Alone, _last: str) -> None:
    alone.set("summarize_wal", "off")


def _with_other_checksums(alone: Alone, _last: str) -> None:
    alone.set("summarize_wal", "on")
    alone.made("full")
    on = alone.server.execute("SHOW data_checksums")[0][0] == "on"
    alone.stopped(
        f"{alone.server.bin}/pg_checksums", "--disable" if on else "--enable", "-D", f"{alone.server.directory}/data"
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_altered, "on this host is not the one that was signed"),
        (_gone, "is not on this host"),
        (_without_summaries, "the server refused one based on backup-"),
        (_not_summarizing, "the server does not summarize its write-ahead log"),
        (_with_other_checksums, "data checksums were turned on since backup-"),
    ],
)
def test_what_stands_against_one_makes_a_full_one(alone: Alone, change: Callable[[Alone, str], None], why: str) -> None:
    last = alone.made("full")["backup_id"]
    if not alone.has_copies:
        # There each run makes one whose log is in the backup alone.
        assert "recovers no later moment" in alone.made()["why"]
        return
    change(alone, last)
    assert why in alone.refused()
    made = alone.made()
    assert (made["mode"], made["scope"], made["parent"]) == ("full", "full", None)
    assert why in made["why"]
    assert bool([one for one in made["warnings"] if "A full backup is made" in one]) == (change is _without_summaries)


def test_a_chain_begins_anew_when_it_is_long_or_old(alone: Alone) -> None:
    if not alone.has_copies:
        assert alone.made("full")["why"] == "as asked for"
        return
    alone.made("full")
    first = alone.made(max_chain=1)
    assert first["mode"] == "incremental"
    assert alone.made("incremental", max_chain=1)["parent"] == first["backup_id"]
    assert "2 incremental backups follow" in alone.made(max_chain=2)["why"]
    assert "old" in alone.made(full_every=0)["why"]
    kept = list((alone.physical.place.home / "state").rglob("*.manifest"))
    assert [path.stat().st_mode & 0o777 for path in kept] == [0o600]


def test_retention_keeps_what_another_is_based_on(alone: Alone) -> None:
    """Two chains: of the older one an increment is pinned, of the newer one the newest stays."""
    increment = "incremental" if alone.has_copies else "full"
    older = [alone.made("full")["backup_id"], alone.made(increment)["backup_id"], alone.made(increment)["backup_id"]]
    newer = [alone.made("full")["backup_id"], alone.made(increment)["backup_id"]]
    place = alone.physical.place
    pin = marking.MarkRequest(place.settings, "main", "@physical", older[1], reason="for the auditor")
    marking.mark(pin, place.world())
    policy = parse({"keep_last": 1, "min_keep": 1})
    request = prune.PruneRequest(place.settings, policy, force=True, lock_timeout=0.0)
    prune.prune(request, place.world())
    stays = [older[0], older[1], newer[0], newer[1]] if alone.has_copies else [older[1], newer[1]]
    assert sorted(place.listed()) == sorted(stays)
    # Nobody finds anything amiss, and all of it opens.
    fault_fixtures.verification.verify(
        fault_fixtures.verification.VerifyRequest(
            place.settings, cluster="main", database="@physical", backup="all", level="opens"
        ),
        place.world(),
    )


def test_a_standby_gives_increments_that_restore(pair: Callable[..., tuple[Server, Server]], tmp_path: Path) -> None:
    primary, standby = pair()
    physical = Physical(fault_fixtures.make(standby.cluster, "postgres", tmp_path))
    copies = physical.server.execute("SHOW server_version_num")[0][0] >= f"{physical_mode.INCREMENTAL_MAJOR}0000"
    for server in (primary, standby) if copies else ():
        server.cluster.execute("ALTER SYSTEM SET summarize_wal = on")
        server.cluster.execute("SELECT pg_reload_conf()")
    made = []
    for _copy in range(2):
        primary.write(5)
        primary.cluster.execute("CHECKPOINT")
        standby.catch_up(primary)
        standby.cluster.execute("CHECKPOINT")
        made.append(physical.back_up(wal="included", rules=physical_mode.Rules("auto")))
    said = [outcome.facts["backup"] for outcome in made]
    assert [one["mode"] for one in said] == ["full", "incremental" if copies else "full"], said
    found = [physical.found(outcome) for outcome in made]
    with physical.recovered(found[-1], _combined(physical, found if copies else found[1:])) as copy:
        assert copy.execute("SELECT count(*) FROM public.orders") == [(primary.rows(),)]
        copy.program("pg_amcheck", "--heapallindexed", "--install-missing", "postgres")
    # The log that it has in itself ends within a segment: nothing after it is asked for.
    request = PitrRequest(
        repository=physical.place.settings,
        cluster="main",
        data_directory=f"{physical.server.directory}/recovered",
        owner="postgres",
        host="here",
        bin_dir=physical.server.bin,
    )
    assert recover(request, physical.place.world()).facts["restore"]["segments"] == 0


def _combined(physical: Physical, chain: list[Backup]) -> Cluster:
    """Return a cluster of what a chain of backups becomes; it was never started."""
    server = physical.server
    assert chain[-1].manifest.parents == tuple(
        Parent(one.manifest.backup_id, one.manifest_sha256) for one in chain[:-1]
    )
    user = pwd.getpwnam("postgres")
    stage = Stage(f"{server.directory}/copy", "stage", recovering_server.Owner(user.pw_uid, user.pw_gid))
    major = int(chain[-1].detail()["source"]["server_version_num"]) // 10000
    progress = Progress(None, "pitr", "copy", physical.place.world().now)
    unpacking.unpack(chain, stage, {}, programs(major, directory=server.bin), progress)
    shutil.chown(stage.directory, "postgres")  # for its socket
    return dataclasses.replace(server, directory=stage.directory, port=physical_fixtures.free_port())
