# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server comes back as it was at a moment: with exactly the rows that were committed by then, or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import time
import typing as t
from pathlib import Path

import heartbeat_fixtures
import physical_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import replacing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    DatabaseError,
    NotFound,
    RecoveryError,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.pitr import recover
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.request import PitrRequest
from pair_fixtures import as_owner
from physical_fixtures import Physical

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome
    from postgres_fixtures import Cluster


@dataclasses.dataclass
class Story:
    """A server that wrote a row now and then, each at a time that is known, around a base backup."""

    physical: Physical
    rows: dict[int, datetime.datetime]
    _break: str = ""
    _action: Callable[[], object] | None = None
    _lost: tuple[Path, Path] | None = None

    @property
    def server(self) -> Cluster:
        return self.physical.server

    def write(self, count: int = 1) -> None:
        """Commit rows one by one, and remember when."""
        for _row in range(count):
            (number,) = self.server.execute("INSERT INTO public.told DEFAULT VALUES RETURNING id")[0]
            (at,) = self.server.execute(f"SELECT pg_xact_commit_timestamp(xmin) FROM public.told WHERE id = {number}")[
                0
            ]
            self.rows[number] = at

    def archive(self) -> None:
        self.server.execute("SELECT pg_switch_wal()")
        self.physical.archive_all()
        self.physical.store_wal()

    def request(self, **changes: t.Any) -> PitrRequest:
        return PitrRequest(
            **{
                "repository": self.physical.place.settings,
                "cluster": "main",
                "data_directory": f"{self.server.directory}/recovered",
                "owner": "postgres",
                "host": "here",
                "bin_dir": self.server.bin,
                "tablespaces": {"fast": f"{self.server.directory}/fast"},
                **changes,
            }
        )

    def segments(self) -> list[str]:
        """Return the names of the segments that are stored, in their order."""
        return [path.name.removesuffix(".lbx") for path in self._stored() if len(path.name) == 28]

    def remove(self, name: str) -> None:
        """Remove a segment from the store."""
        next(path for path in self._stored() if path.name == f"{name}.lbx").unlink()

    def break_during_replay(self, how: str) -> None:
        """Let the store lose a segment, or go away, once the copy has begun to replay."""
        self._break = how

    def do_during_replay(self, action: Callable[[], object]) -> None:
        """Do something while the copy replays."""
        self._action = action

    @property
    def broken(self) -> bool:
        return not self._break

    def mend(self) -> None:
        """Bring back what was lost."""
        if self._lost is not None:
            self._lost[0].rename(self._lost[1])

    def readings(self) -> list[Path]:
        """Return the announcements, by which retention keeps what is read."""
        return list(self._store().glob("*/marks/**/reading*"))

    def _stored(self) -> list[Path]:
        return sorted(self._store().glob("*/wal/*/*/*/*.lbx"))

    def _store(self) -> Path:
        return Path(self.physical.place.settings.store.url.removeprefix("file://"))

    def _pass_time(self, seconds: float) -> None:
        how, self._break = self._break, ""
        if how:
            lost = self._store() if how == "store" else self._stored()[-2]
            self._lost = (lost.with_name("lost"), lost)
            lost.rename(lost.with_name("lost"))
        action, self._action = self._action, None
        if action:
            action()
        time.sleep(seconds)

    @property
    def token(self) -> str:
        """What has to be said to replace what is there."""
        return f"{self.server.directory}/recovered@here"

    def forget(self) -> None:
        """Remove what was recovered."""
        for name in ("recovered", "fast"):
            shutil.rmtree(f"{self.server.directory}/{name}")

    def recover(self, **changes: t.Any) -> Outcome:
        return recover(self.request(**changes), dataclasses.replace(self.physical.place.world(), sleep=self._pass_time))

    @contextlib.contextmanager
    def recovered(self, *, archiving: bool = False) -> Iterator[Cluster]:
        """Start what was recovered, as its service would."""
        cluster = dataclasses.replace(
            self.server, directory=f"{self.server.directory}/run", port=physical_fixtures.free_port()
        )
        data = f"{self.server.directory}/recovered"
        with as_owner():
            Path(cluster.directory).mkdir(exist_ok=True)
            options = f"-p {cluster.port} -c unix_socket_directories={cluster.directory} " + (
                "" if archiving else "-c archive_command=/bin/true"
            )
            subprocess.run(
                [f"{cluster.bin}/pg_ctl", "-D", data, "-w", "-l", f"{cluster.directory}/log", "-o", options, "start"],
                check=True,
                stdout=subprocess.DEVNULL,
                env={**cluster.environ, "LOCPATH": os.environ.get("LOCPATH", "")},
            )
        try:
            yield cluster
        finally:
            with as_owner():
                argv = [f"{cluster.bin}/pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"]
                subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def ids(cluster: Cluster) -> set[int]:
    return {row[0] for row in cluster.execute("SELECT id FROM public.told")}


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with physical_fixtures.running(tmp_path, archive_mode="on", track_commit_timestamp="on") as physical:
        physical.server.execute("CREATE TABLE public.told (id serial PRIMARY KEY)")
        told = Story(physical, {})
        told.write(3)
        physical.back_up()
        told.write(3)
        told.archive()
        told.write(4)
        told.archive()
        told.write(2)
        told.archive()
        yield told


def test_a_server_comes_back_with_what_was_committed_by_a_moment(story: Story) -> None:
    target = story.rows[5]
    outcome = story.recover(target={"time": target.isoformat()})
    assert outcome.facts["restore"]["last_commit_at"] == target.isoformat()
    assert outcome.facts["restore"]["new_timeline"] == 2
    with story.recovered() as cluster:
        assert ids(cluster) == {one for one, at in story.rows.items() if at <= target}
        assert physical_fixtures.counts(cluster) == [(physical_fixtures.ROWS, physical_fixtures.ROWS)]
        assert cluster.execute("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'fast'") == [
            (f"{story.server.directory}/fast",)
        ]
    assert not list(Path(story.server.directory).glob("recovered.*"))


def test_a_moment_after_the_last_commit_is_reached_once_the_server_beats(story: Story) -> None:
    heartbeat_fixtures.make(story.server)
    before = heartbeat_fixtures.beat(story.server)
    target = {"time": story.server.execute("SELECT clock_timestamp()")[0][0].isoformat()}
    story.archive()
    with pytest.raises(UsageError, match="is later than what is stored, whose last transaction ended at 20"):
        story.recover(target=target)
    after = heartbeat_fixtures.beat(story.server)
    story.archive()
    outcome = story.recover(target=target)
    assert outcome.facts["restore"]["heartbeat_at"] == before.at.isoformat()
    assert after.position > before.position
    with story.recovered() as cluster:
        assert ids(cluster) == set(range(1, 13))
        assert cluster.execute("SELECT at FROM lifeboat.heartbeat") == [(before.at,)]


def test_a_heartbeat_that_is_not_of_the_log_keeps_the_copy_from_its_promotion(story: Story) -> None:
    heartbeat_fixtures.make(story.server)
    story.server.execute("INSERT INTO lifeboat.heartbeat VALUES (clock_timestamp(), 'FF/0')")
    story.archive()
    with pytest.raises(DatabaseError, match="its newest heartbeat was written at FF/0: what was replayed is not"):
        story.recover()
    assert not os.path.exists(f"{story.server.directory}/recovered")
    # It goes with the next one of this server.
    made = heartbeat_fixtures.beat(story.server)
    story.archive()
    assert story.recover().facts["restore"]["heartbeat_at"] == made.at.isoformat()


def test_the_moment_itself_can_be_left_out(story: Story) -> None:
    outcome = story.recover(target={"time": story.rows[8].isoformat()}, exclusive=True)
    assert not any(warning.startswith("Retention may delete") for warning in outcome.warnings)
    with story.recovered() as cluster:
        assert ids(cluster) == set(range(1, 8))


@pytest.mark.parametrize("kind", ["lsn", "xid", "name", "latest", "immediate"])
def test_other_targets_end_where_they_mean(story: Story, kind: str) -> None:
    position, transaction = story.server.execute("SELECT pg_current_wal_lsn()::text, pg_current_xact_id()::text")[0]
    story.server.execute("SELECT pg_create_restore_point('before it broke')")
    story.write(2)
    story.archive()
    target: t.Any = {"lsn": {"lsn": position}, "xid": {"xid": transaction}, "name": {"name": "before it broke"}}.get(
        kind, kind
    )
    outcome = story.recover(target=target)
    assert outcome.facts["restore"]["reached"]
    with story.recovered() as cluster:
        assert len(ids(cluster)) == {"latest": 14, "immediate": 3}.get(kind, 12)


def test_a_store_that_takes_no_announcement_is_recovered_from(story: Story) -> None:
    for application in story._store().glob("*/wal"):
        (application.parent / "marks").touch()  # no directory
    outcome = story.recover(target="immediate")
    assert outcome.warnings[0].startswith("Retention may delete backup-")
    with story.recovered() as cluster:
        assert ids(cluster) == {1, 2, 3}


def test_a_segment_that_lacks_is_named_before_anything_is_touched(story: Story) -> None:
    (missing, later) = story.segments()[-2:]
    story.remove(missing)
    for target in ({"time": story.rows[12].isoformat()}, "latest"):
        with pytest.raises(NotFound, match=f"{missing} is not stored, which a recovery from backup-") as caught:
            story.recover(target=target)
        assert "Up to it a recovery is possible: to 20" in caught.value.remedy
    assert not os.path.exists(f"{story.server.directory}/recovered")
    assert later in story.segments()
    # Before the hole everything is there.
    story.recover(target={"time": story.rows[5].isoformat()})
    with story.recovered() as cluster:
        assert ids(cluster) == {1, 2, 3, 4, 5}


def test_a_standby_has_all_that_is_stored_and_follows_its_primary(story: Story) -> None:
    with pytest.raises(UsageError, match="A standby follows its primary, and cannot stay at time 20"):
        story.recover(target={"time": story.rows[5].isoformat()}, state="standby")
    story.server.execute("SELECT pg_create_physical_replication_slot('follower', true)")
    story.write(1)  # is in no segment that is stored
    outcome = story.recover(state="standby", recovery_id="night-1")
    assert outcome.facts["restore"]["new_timeline"] is None
    assert outcome.warnings == ()
    assert not story.recover(state="standby", recovery_id="night-1").changed
    follows = (
        f"primary_slot_name = 'follower'\nprimary_conninfo = 'host={story.server.directory} port={story.server.port}'\n"
    )
    with open(f"{story.server.directory}/recovered/postgresql.auto.conf", "a", encoding="utf-8") as settings:
        settings.write(follows)
    with story.recovered() as cluster:
        story.write(1)
        [[now]] = story.server.execute("SELECT pg_current_wal_lsn()::text")
        wait = f"""DO $$ BEGIN FOR look IN 1..600 LOOP
            IF pg_last_wal_replay_lsn() >= '{now}' THEN RETURN; END IF;
            PERFORM pg_sleep(0.1);
        END LOOP; RAISE 'it does not follow'; END $$"""
        cluster.execute(wait)
        assert cluster.execute("SELECT pg_is_in_recovery()") == [(True,)]
        assert ids(cluster) == set(range(1, 15))


def test_indexes_that_are_sorted_otherwise_here_are_built_anew(story: Story) -> None:
    name = story.server.create("Texts", "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LOCALE 'C' TEMPLATE template0")
    story.server.execute(
        """
        CREATE TABLE public."odd; name" (word text UNIQUE, other text COLLATE "sv-x-icu", plain text COLLATE "C");
        CREATE INDEX lower ON public."odd; name" (lower(plain));
        CREATE INDEX swedish ON public."odd; name" (other);
        CREATE INDEX plain ON public."odd; name" (plain);
        CREATE TABLE public.parts (word text) PARTITION BY RANGE (word COLLATE "da-x-icu");
        INSERT INTO public."odd; name" VALUES ('b', 'b', 'b'), ('a', 'a', 'a');
        UPDATE pg_database SET datcollversion = '0' WHERE datname = current_database();
        UPDATE pg_collation SET collversion = '0' WHERE collname IN ('sv-x-icu', 'da-x-icu');
        """,
        name,
    )
    story.archive()
    outcome = story.recover()
    told = outcome.facts["restore"]
    assert told["reindexed"] == [
        f"{name}: {one}" for one in ("public.swedish", 'public."odd; name_word_key"', "public.lower")
    ]
    assert told["collations"] == [
        f"{name}: {one}" for one in ('pg_catalog."da-x-icu"', 'pg_catalog."sv-x-icu"', "its own")
    ]
    assert any("Table public.parts has partitions by ranges in" in warning for warning in outcome.warnings)
    with story.recovered() as cluster:
        [[own]] = cluster.execute(f"SELECT datcollversion FROM pg_database WHERE datname = '{name}'")
        noted = cluster.execute("SELECT collversion FROM pg_collation WHERE collname ~ '^(da|sv)-x-icu'", name)
        assert own != "0"
        assert sorted(version == "0" for (version,) in noted) == [False, True]


def test_a_backup_with_its_own_wal_is_older_than_the_archive(story: Story) -> None:
    story.physical.back_up(wal="included")
    for name in story.segments():
        story.remove(name)
    story.recover(target="immediate")
    with story.recovered() as cluster:
        assert len(ids(cluster)) == 12
    story.forget()
    story.write(3)
    story.archive()
    story.write(1)
    story.archive()
    story.recover(target={"time": story.rows[14].isoformat()})
    with story.recovered() as cluster:
        assert ids(cluster) == set(range(1, 15))


@pytest.mark.parametrize(
    ("how", "target"),
    [
        ("hole", "latest"),
        ("store", "time"),
        pytest.param("hole", "time", marks=pytest.mark.long),
        pytest.param("store", "latest", marks=pytest.mark.long),
    ],
)
def test_a_copy_never_ends_its_recovery_early(story: Story, target: str, how: str) -> None:
    kept = Path(story.server.directory, "recovered")
    with as_owner():
        kept.mkdir()
        (kept / "PG_VERSION").write_text("15")
    story.break_during_replay(how)
    with pytest.raises(RecoveryError) as caught:
        story.recover(
            target="latest" if target == "latest" else {"time": story.rows[11].isoformat()}, confirm=story.token
        )
    assert story.broken
    assert ("is not in the store, and the store holds" if how == "hole" else "does not exist") in caught.value.cause
    assert [path.name for path in kept.iterdir()] == ["PG_VERSION"]
    # What was fetched is used again.
    story.mend()
    story.recover(target={"time": story.rows[11].isoformat()}, confirm=story.token)
    with story.recovered() as cluster:
        assert ids(cluster) == set(range(1, 12))
    assert list(Path(story.server.directory).glob("recovered.before-*/PG_VERSION"))


def test_a_server_that_goes_on_archiving_does_not_keep_a_recovery_from_its_end(story: Story) -> None:
    announced: list[Path] = []
    story.do_during_replay(lambda: (story.write(2), story.archive(), announced.extend(story.readings())))
    story.recover()
    assert len(announced) == 1
    assert story.readings() == []
    with story.recovered() as cluster:
        assert ids(cluster) >= set(range(1, 13))


def test_a_recovery_that_ended_is_not_repeated_by_its_name(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed before its copy took its place is ended by the next one, and a third has nothing to do."""
    Path(story.server.directory, "recovered").mkdir()
    Path(story.server.directory, "recovered", "PG_VERSION").write_text("old\n")
    given = {"target": "latest", "confirm": story.token, "recovery_id": "night-1"}

    def killed(*_given: object) -> t.NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(replacing, "exchange", killed)
        with pytest.raises(KeyboardInterrupt):
            story.recover(**given)
    stages = list(Path(story.server.directory).glob("recovered.lifeboat-*"))
    assert len(stages) == 1

    ended = story.recover(**given)
    assert ended.changed
    assert ended.facts["restore"]["kept"]
    assert not list(Path(story.server.directory).glob("recovered.lifeboat-*"))
    again = story.recover(**given)
    assert not again.changed
    assert again.facts["restore"]["reached"] == ended.facts["restore"]["reached"]
    with story.recovered() as cluster:
        assert ids(cluster) == set(story.rows)


def test_what_others_have_in_the_place_of_a_tablespace_stays(story: Story) -> None:
    place = Path(story.server.directory, "fast")
    with as_owner():
        place.mkdir()
        (place / "theirs").write_text("theirs")
    with pytest.raises(UsageError, match="fast is not empty"):
        story.recover(target="immediate")
    assert (place / "theirs").read_text() == "theirs"
    (place / "theirs").unlink()
    story.break_during_replay("store")
    with pytest.raises(RecoveryError):
        story.recover(target="latest")
    story.mend()
    with as_owner():
        (place / "theirs").write_text("theirs")
    story.recover(target="latest")
    assert (place / "theirs").read_text() == "theirs"
    with story.recovered() as cluster:
        assert physical_fixtures.counts(cluster) == [(physical_fixtures.ROWS, physical_fixtures.ROWS)]


def test_a_moment_that_two_timelines_hold_is_asked_about(story: Story) -> None:
    story.recover(target={"time": story.rows[5].isoformat()})
    with story.recovered(archiving=True) as cluster:
        cluster.execute("INSERT INTO public.told VALUES (100)")
        cluster.execute("SELECT pg_switch_wal()")
        cluster.execute("INSERT INTO public.told VALUES (101)")
        (at,) = cluster.execute("SELECT clock_timestamp()")[0]
        cluster.execute("INSERT INTO public.told VALUES (102)")
        cluster.execute("SELECT pg_switch_wal()")
        story.physical.archive_all(cluster)
    story.write(1)
    story.archive()
    story.forget()
    with pytest.raises(UsageError, match=r"2 timelines hold time .*: 1, 2"):
        story.recover(target={"time": at.isoformat()})
    outcome = story.recover(target={"time": at.isoformat()}, timeline=2)
    assert outcome.facts["restore"]["new_timeline"] == 3
    with story.recovered() as cluster:
        assert ids(cluster) == {1, 2, 3, 4, 5, 100, 101}
    story.forget()
    story.recover(target={"time": at.isoformat()}, timeline=1)
    with story.recovered() as cluster:
        assert ids(cluster) == set(range(1, 13))
    story.forget()
    # A moment before they part is the same on both.
    story.recover(target={"time": story.rows[4].isoformat()})
    with story.recovered() as cluster:
        assert ids(cluster) == {1, 2, 3, 4}


def test_what_cannot_be_is_refused_with_what_can(story: Story) -> None:
    with pytest.raises(UsageError, match="is before the end of the oldest backup, backup-"):
        story.recover(target={"time": story.rows[1].isoformat()})
    with pytest.raises(UsageError, match="is later than what is stored, whose last transaction ended at 20"):
        story.recover(target={"time": "2099-01-01T00:00:00Z"})
    with pytest.raises(UsageError, match="has no time zone"):
        story.recover(target={"time": "2026-11-28 14:05:00"})
    with pytest.raises(NotFound, match=r"no 00000007.history"):
        story.recover(timeline=7)
    with pytest.raises(UsageError, match="has no tablespace 'slow'"):
        story.recover(tablespaces={"slow": "/nowhere"})
    with pytest.raises(UsageError, match="space is not empty"):
        story.recover(tablespaces={})
    with as_owner():
        Path(story.server.directory, "recovered").mkdir()
        Path(story.server.directory, "recovered", "PG_VERSION").touch()
    with pytest.raises(UsageError, match="holds data") as caught:
        story.recover()
    assert story.token in caught.value.remedy
    planned = recover(story.request(), dataclasses.replace(story.physical.place.world(), dry_run=True))
    assert planned.changed
    assert planned.facts["restore"]["confirm"] == story.token
    assert sorted(path.name for path in Path(story.server.directory).glob("recovered*")) == ["recovered"]
