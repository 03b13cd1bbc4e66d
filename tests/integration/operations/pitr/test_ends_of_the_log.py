# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of the log, which no archive has whole: as it was streamed, and as the server that was stopped has it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import typing as t
from pathlib import Path

import physical_fixtures
import postgres_fixtures
import pytest
import wal_fixtures
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.pitr import recover
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.request import PitrRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal import examining
from faults import fault_fixtures
from pair_fixtures import as_owner
from stream_fixtures import LIMIT, Streaming

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome
    from postgres_fixtures import Cluster


@dataclasses.dataclass
class Night:
    """A server with a base backup, whose rows say when they were committed."""

    physical: physical_fixtures.Physical
    streaming: Streaming

    @property
    def server(self) -> Cluster:
        return self.physical.server

    def write(self, count: int = 1) -> None:
        for _row in range(count):
            self.server.execute("INSERT INTO public.told DEFAULT VALUES")

    def archive(self) -> None:
        self.server.execute("SELECT pg_switch_wal()")
        self.physical.archive_all()
        self.physical.store_wal()

    def moment(self) -> datetime.datetime:
        return t.cast("datetime.datetime", self.server.execute("SELECT clock_timestamp()")[0][0])

    def kill(self) -> None:
        """Let the server die, as a machine does."""
        pid = int(Path(self.server.directory, "data/postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        fault_fixtures.wait_until(lambda: not any(map(_runs, (pid, *map(int, children)))), "the end of the server")
        Path(self.server.directory, "data/postmaster.pid").unlink()

    def recover(self, *, dry_run: bool = False, **changes: t.Any) -> Outcome:
        request = PitrRequest(
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
        return recover(request, dataclasses.replace(self.physical.place.world(), dry_run=dry_run))

    def forget(self) -> None:
        for name in ("recovered", "fast"):
            shutil.rmtree(f"{self.server.directory}/{name}")

    @contextlib.contextmanager
    def running(self, name: str = "recovered") -> Iterator[Cluster]:
        """Start what was recovered."""
        cluster = dataclasses.replace(
            self.server, directory=f"{self.server.directory}/run", port=physical_fixtures.free_port()
        )
        data = f"{self.server.directory}/{name}"
        options = f"-p {cluster.port} -c unix_socket_directories={cluster.directory} -c archive_command=/bin/true"
        with as_owner():
            Path(cluster.directory).mkdir(exist_ok=True)
            argv = [f"{cluster.bin}/pg_ctl", "-D", data, "-w", "-l", f"{cluster.directory}/log", "-o", options]
            environ = {**cluster.environ, "LOCPATH": os.environ.get("LOCPATH", "")}
            subprocess.run([*argv, "start"], check=True, stdout=subprocess.DEVNULL, env=environ)
        try:
            yield cluster
        finally:
            with as_owner():
                argv = [f"{cluster.bin}/pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"]
                subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)

    def rows(self, name: str = "recovered") -> int:
        """Return how many rows came back, which are the first ones."""
        with self.running(name) as cluster:
            [[count, highest]] = cluster.execute("SELECT count(*), coalesce(max(id), 0) FROM public.told")
            assert count == highest
            return int(count)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    settings = {"archive_mode": "on", "track_commit_timestamp": "on", "max_slot_wal_keep_size": f"'{LIMIT}'"}
    with physical_fixtures.running(tmp_path, **settings) as physical:
        physical.server.execute("CREATE TABLE public.told (id int GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY)")
        made = Night(physical, Streaming(physical))
        made.streaming.configure()
        physical.back_up()
        made.write(2)
        made.archive()
        yield made
        made.streaming.end()


def test_a_host_that_is_lost_loses_no_more_than_an_interval(night: Night) -> None:
    night.streaming.start()
    night.write(3)
    within = night.moment()
    night.write(5)
    night.streaming.streamed()
    night.write(2)
    night.kill()
    night.streaming.stop(signal.SIGKILL)
    shutil.rmtree(f"{night.server.directory}/data")
    shutil.rmtree(night.streaming.home)

    night.recover(target={"time": within.isoformat()})
    assert night.rows() == 5
    night.forget()
    with pytest.raises(UsageError, match="is later than what is stored, whose last transaction ended at"):
        night.recover(target={"time": "2099-01-01T00:00:00Z"})
    outcome = night.recover()
    assert outcome.facts["restore"]["gained"] is None
    assert night.rows() >= 10
    night.forget()

    # A tail that was altered is not used, and the one before it is.
    [segment, lengths] = next(iter(night.streaming.tails.items()))
    newest = next(night.streaming.store.glob(f"shop/wal/*/stream/{segment}/{max(lengths):08X}.lbx"))
    content = newest.read_bytes()
    newest.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    newest.with_name("000FFFFF.lbx").write_bytes(b"of a stranger")
    outcome = night.recover()
    said = [warning for warning in outcome.warnings if "It was not used" in warning]
    assert [name for name in ("000FFFFF.lbx", newest.name) if not any(name in one for one in said)] == []
    assert night.rows() >= 2
    night.forget()

    # Without what was streamed there is what was archived.
    shutil.rmtree(newest.parents[1])
    night.recover()
    assert night.rows() == 2


def test_what_only_the_server_that_died_has_comes_back(night: Night) -> None:
    night.write(3)
    night.archive()
    night.write(4)
    night.server.execute("SELECT pg_switch_wal()")  # a whole segment that the store never got
    night.write(2)
    last = night.moment()
    night.write()
    night.kill()
    data = f"{night.server.directory}/data"
    # What others put there is of no use to them.
    pg_wal = Path(data, "pg_wal")
    foreign = wal_fixtures.segment("0000000100000000000000FE")
    with as_owner():
        (pg_wal / "0000000100000000000000FE").write_bytes(foreign)
    (pg_wal / "0000000100000000000000FD").symlink_to("/etc/shadow")

    with pytest.raises(UsageError, match="is later than what is stored"):
        night.recover(data_directory=data, target={"time": last.isoformat()}, old_wal=False, dry_run=True)
    planned = night.recover(data_directory=data, target={"time": last.isoformat()}, dry_run=True)
    assert planned.facts["restore"]["gained"] == {"segments": 2, "last_commit_at": None}
    assert "of these only pg_wal of" in planned.after
    outcome = night.recover(data_directory=data, confirm=f"{data}@here")
    gained = outcome.facts["restore"]["gained"]
    assert (gained["segments"], gained["last_commit_at"] > last.isoformat()) == (2, True)
    assert night.rows("data") == 12


def test_the_timeline_that_a_promoted_server_left_recovers_to_where_it_left_it(night: Night) -> None:
    night.write(3)
    signal_file = Path(night.server.directory, "data/standby.signal")
    with as_owner():
        signal_file.touch()
    postgres_fixtures.restart_cluster(night.server)
    assert night.server.execute("SELECT pg_promote()") == [(True,)]
    night.write()
    night.archive()
    [partial] = night.physical.archived.glob("*.partial")
    assert partial.name.startswith("00000001")
    windows = examining.examine(
        examining.WalInfoRequest(night.physical.place.settings), night.physical.place.world()
    ).facts["wal"][0]["windows"]
    assert sorted((window["timeline"], window["gap"]) for window in windows) == [(1, None), (2, None)]
    assert len({window["to"] for window in windows}) == 2
    outcome = night.recover(timeline=1)
    assert outcome.facts["restore"]["last_segment"] == partial.name.removesuffix(".partial")
    assert night.rows() == 5
