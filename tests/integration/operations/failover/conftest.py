# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two servers, of which one follows the other, and what changes their parts."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import pwd
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.replication import (
    LocalServer,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.sender import Sender
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.failover.looking import (
    LookRequest,
    look,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.failover.promoting import (
    PromoteRequest,
    promote,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.failover.standby import (
    StandbyRequest,
    make_standby,
)
from postgres_fixtures import Cluster, free_port, start_cluster, stop_cluster

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome

PASSWORD = "a:b\\c"


@dataclasses.dataclass
class Server:
    """A server of a pair. It is asked and changed as its owner, as on a host."""

    cluster: Cluster

    @property
    def data(self) -> str:
        return f"{self.cluster.directory}/data"

    @property
    def local(self) -> LocalServer:
        return LocalServer(self.data, self.cluster.bin, self.cluster.directory, self.cluster.port)

    def control(self, *arguments: str) -> None:
        """Run pg_ctl. The port is given at the start, since pg_rewind takes the configuration from the other server."""
        own = f"-p {self.cluster.port} -c unix_socket_directories={self.cluster.directory}"
        log = f"{self.cluster.directory}/log"
        with as_owner():
            subprocess.run(
                [f"{self.cluster.bin}/pg_ctl", "-D", self.data, "-w", "-l", log, "-o", own, *arguments],
                check=True,
                cwd=self.cluster.directory,
                stdout=subprocess.DEVNULL,
                env={**self.cluster.environ, "LC_MESSAGES": "C", "LOCPATH": os.environ.get("LOCPATH", "")},
            )

    def start(self) -> None:
        self.control("start")

    def stop(self, how: str = "fast") -> None:
        self.control("-m", how, "stop")

    def look(self, received: str = "") -> dict[str, t.Any]:
        with as_owner():
            return t.cast("dict[str, t.Any]", look(LookRequest(self.local, received), WORLD).facts["server"])

    def promote(self, *, since: datetime.datetime | None = None, dry_run: bool = False) -> Outcome:
        with as_owner():
            return promote(PromoteRequest(self.local, since, 60.0), dataclasses.replace(WORLD, dry_run=dry_run))

    def follow(self, other: Server, *, dry_run: bool = False, **more: t.Any) -> Outcome:
        """Make it a standby of the other one."""
        passfile = Path(self.cluster.directory, "pgpass")
        with as_owner():
            password = more.pop("password", PASSWORD).replace("\\", "\\\\").replace(":", "\\:")
            passfile.write_text(f"127.0.0.1:*:*:replicator:{password}\n")
            passfile.chmod(0o600)
            primary = Sender("127.0.0.1", other.cluster.port, "replicator", str(passfile), "prefer", "", "lifeboat_it")
            options: dict[str, t.Any] = {"config_file": "", "method": "auto", "discard": False, "size": 0, **more}
            request = StandbyRequest(server=self.local, primary=primary, slot="lifeboat_it", **options)
            return make_standby(request, dataclasses.replace(WORLD, dry_run=dry_run))

    def leave_half_a_copy(self) -> None:
        """Leave what a killed run does."""
        with as_owner():
            os.makedirs(f"{self.data}.lifeboat-copy/base")

    def write(self, count: int) -> None:
        """Commit this many transactions of one row."""
        with contextlib.closing(self.cluster.connect()) as connection:
            for _number in range(count):
                connection.execute("INSERT INTO public.orders DEFAULT VALUES")

    def rows(self) -> int:
        return int(self.cluster.execute("SELECT count(*) FROM public.orders")[0][0])

    def catch_up(self, other: Server) -> None:
        """Wait until it has replayed all that the other one has written."""
        reached = other.cluster.execute("SELECT pg_current_wal_flush_lsn()::text")[0][0]
        while not self.cluster.execute(f"SELECT coalesce(pg_last_wal_replay_lsn() >= '{reached}', false)")[0][0]:
            pass

    def hear_nothing(self) -> None:
        """Lose the connection to the primary, as when a network fails."""
        self.cluster.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.cluster.execute("SELECT pg_reload_conf()")
        while self.look()["receiver"]:
            pass


WORLD = World(now=lambda: datetime.datetime.now(datetime.UTC), sleep=lambda _seconds: None, environ=dict(os.environ))


@contextlib.contextmanager
def as_owner() -> Iterator[None]:
    """Be the user who owns the servers, and root again afterwards."""
    owner = pwd.getpwnam("postgres")
    os.setresgid(owner.pw_gid, owner.pw_gid, 0)
    os.setresuid(owner.pw_uid, owner.pw_uid, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)


@pytest.fixture
def pair() -> Iterator[Callable[..., tuple[Server, Server]]]:
    """`pair(**settings)` gives a primary with 10 orders, and a standby of it that has them."""
    made: list[Cluster] = []

    def make(**settings: str) -> tuple[Server, Server]:
        primary = Server(start_cluster(settings={"autovacuum": "off", **settings}))
        made.append(primary.cluster)
        primary.cluster.execute("CREATE TABLE public.orders (id bigserial PRIMARY KEY)")
        primary.cluster.execute(f"CREATE ROLE replicator LOGIN REPLICATION PASSWORD '{PASSWORD}'")
        for function in (
            "pg_ls_dir(text, boolean, boolean)",
            "pg_stat_file(text, boolean)",
            "pg_read_binary_file(text)",
            "pg_read_binary_file(text, bigint, bigint, boolean)",
        ):
            primary.cluster.execute(f"GRANT EXECUTE ON FUNCTION pg_catalog.{function} TO replicator")
        primary.write(10)
        directory = tempfile.mkdtemp(prefix="lifeboat-test-")
        os.chmod(directory, 0o755)
        shutil.chown(directory, "postgres", "postgres")
        standby = Server(dataclasses.replace(primary.cluster, directory=directory, port=free_port()))
        made.append(standby.cluster)
        with as_owner():
            primary.cluster.program("pg_basebackup", "-D", standby.data, "-X", "stream", "-c", "fast", "--no-sync")
        standby.follow(primary)
        standby.start()
        standby.catch_up(primary)
        return primary, standby

    yield make
    for cluster in made:
        stop_cluster(cluster)
