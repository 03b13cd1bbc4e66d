# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores of one host side by side: none takes from another what it borrowed, and nothing stays lent."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.lend import lending
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.lend.borrowing import borrowing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.lend.ledger import Loan, abandoned
from environment import unconfigured
from playing import COLLECTIONS

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster, ClusterFactory

WORLD = World(now=lambda: pytest.fail("no clock here"), sleep=time.sleep, environ={})


def eventually(question: t.Callable[[], t.Any], patience: float = 60) -> t.Any:
    deadline = time.monotonic() + patience
    while not (answer := question()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
    return answer


@dataclasses.dataclass
class Place:
    """A host's loans, and the database role to which they are made."""

    server: Cluster
    directory: Path
    role: str

    @property
    def is_superuser(self) -> bool:
        return bool(self.server.execute(f"SELECT rolsuper FROM pg_roles WHERE rolname = '{self.role}'")[0][0])

    def request(self, run: str, *, key_file: str = "", patience: float = 30) -> lending.LoanRequest:
        loan = Loan(run, self.role, "postgres", self.server.directory, self.server.port, key_file)
        return lending.LoanRequest(str(self.directory), "root", loan, patience)

    def socket(self, run: str) -> str:
        return str(self.directory / f"{run}.sock")

    @contextlib.contextmanager
    def open(self, run: str, **more: t.Any) -> Iterator[str]:
        """Have a lender in the background. Yield its socket; afterwards it has ended."""
        thread = threading.Thread(target=lending.open_loan, args=(self.request(run, **more), WORLD))
        thread.start()
        try:
            eventually(Path(self.socket(run)).exists)
            yield self.socket(run)
        finally:
            lending.close_loan(self.request(run), WORLD)
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture
def place(cluster: ClusterFactory, tmp_path: Path) -> Iterator[Place]:
    server, role = cluster(), f"borrower_{secrets.token_hex(4)}"
    server.execute(f"CREATE ROLE {role} LOGIN")
    yield Place(server, tmp_path / "loans", role)
    server.execute(f"DROP ROLE {role}")


def test_the_last_of_two_borrowers_gives_the_rights_back(place: Place) -> None:
    with place.open("aaaaaaaa") as first, place.open("bbbbbbbb") as second:
        with borrowing(first) as one, one.rights():
            with borrowing(second) as two, two.rights():
                assert place.is_superuser
            eventually(lambda: not os.path.exists(second))
            assert place.is_superuser
        assert not place.is_superuser
    assert not list(place.directory.glob("*.loan"))


def test_who_asks_for_nothing_is_lent_nothing_and_takes_nothing(place: Place, tmp_path: Path) -> None:
    key = tmp_path / "lent.key"
    key.write_text("secret")
    with place.open("aaaaaaaa") as first, borrowing(first) as one, one.rights():
        with place.open("bbbbbbbb", key_file=str(key)) as second, borrowing(second):
            assert key.exists()
        assert place.is_superuser
        assert not key.exists()
    with place.open("cccccccc") as third, borrowing(third):
        assert not place.is_superuser


def test_a_borrower_that_dies_has_given_back(place: Place) -> None:
    program = (
        "import sys, time\n"
        "from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.lend import borrowing\n"
        "with borrowing.borrowing(sys.argv[1]) as one, one.rights():\n  print('lent', flush=True); time.sleep(60)"
    )
    with place.open("aaaaaaaa") as path:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, env=environ) as borrower:
            assert borrower.stdout
            assert borrower.stdout.readline() == b"lent\n"
            assert place.is_superuser
            borrower.kill()
        eventually(lambda: not place.is_superuser)


def test_what_a_killed_lender_left_the_next_one_takes_back(place: Place, tmp_path: Path) -> None:
    key = tmp_path / "lent.key"
    key.write_text("secret")
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            lending.open_loan(place.request("aaaaaaaa", key_file=str(key)), WORLD)
        os._exit(0)
    eventually(Path(place.socket("aaaaaaaa")).exists)
    with borrowing(place.socket("aaaaaaaa")) as one, contextlib.suppress(DatabaseError), one.rights():
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert place.is_superuser
    assert key.exists()
    assert abandoned(str(place.directory)) == [str(place.directory / "aaaaaaaa.loan")]
    with place.open("bbbbbbbb"):
        assert not place.is_superuser
    assert not key.exists()
    assert abandoned(str(place.directory)) == []


def test_a_lender_that_would_wait_for_nobody_is_refused(place: Place) -> None:
    with pytest.raises(UsageError, match="patience must be positive") as caught:
        lending.open_loan(place.request("aaaaaaaa", patience=0), WORLD)
    assert caught.value.details["field"] == "patience"
    assert not list(place.directory.glob("aaaaaaaa*"))
    # Whoever closes a loan may look once: there is none, so there is nothing to wait for.
    assert lending.close_loan(place.request("aaaaaaaa", patience=0), WORLD).facts == {"lent": False}


def test_a_role_that_is_a_superuser_anyway_stays_one(place: Place) -> None:
    place.server.execute(f"ALTER ROLE {place.role} SUPERUSER")
    with place.open("aaaaaaaa") as path, borrowing(path) as one, one.rights():
        pass
    assert place.is_superuser


@dataclasses.dataclass
class Plays:
    """Runs playbooks on this machine, which is a sealed host with a role that may only read."""

    home: Path
    server: Cluster
    role: str
    gate: Path

    def start(self, *words: str, **changes: t.Any) -> subprocess.Popen[str]:
        home = str(self.home)
        given = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "lifeboat_application": "shop",
            "lifeboat_cluster": "main",
            "lifeboat_store": {"url": f"file://{home}/store"},
            "lifeboat_config_dir": f"{home}/etc",
            "lifeboat_state_dir": f"{home}/state",
            "lifeboat_home": f"{home}/runtime",
            "lifeboat_recovery_key_file": f"{home}/recovery.key",
            "lifeboat_user": "root",
            "lifeboat_python": sys.executable,
            "lifeboat_login_user": self.role,
            "lifeboat_login_unix_socket": self.server.directory,
            "lifeboat_login_port": self.server.port,
            "lifeboat_database": self.role,
            "lifeboat_databases": [self.role],
            "lifeboat_requested_by": "alice",
            "lifeboat_progress_interval": 0,
            **changes,
        }
        inventory = self.home / f"{secrets.token_hex(4)}.json"
        inventory.write_text(json.dumps({"databases": {"hosts": {"db1": given}}}))
        environ = unconfigured()
        environ |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
        environ |= {"ANSIBLE_HOME": f"{home}/ansible", "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_PIPELINING": "1"}
        return subprocess.Popen(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, *words],
            env=environ,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @staticmethod
    def end(process: subprocess.Popen[str], status: int) -> str:
        output, _nothing = process.communicate(timeout=120)
        assert process.returncode == status, output
        return output


@pytest.fixture
def plays(cluster: ClusterFactory, tmp_path: Path) -> Iterator[Plays]:
    server, role = cluster(), f"shop_{secrets.token_hex(4)}"
    server.execute(f"CREATE ROLE {role} LOGIN BYPASSRLS; GRANT pg_read_all_data TO {role}")
    server.create(role)
    gate = Path(server.directory, f"{role}.gate")
    # Its index cannot be built before the gate is open: a restore that lasts as long as the test wants.
    server.execute(
        f"""
        CREATE FUNCTION public.gate(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN WHILE (SELECT pg_catalog.pg_stat_file('{gate}', true)) IS NULL LOOP PERFORM pg_catalog.pg_sleep(0.05);
        END LOOP; RETURN x; END $$;
        CREATE TABLE public.orders AS SELECT 1 AS id;
        """,
        role,
    )
    gate.touch()
    server.execute("CREATE INDEX slow ON public.orders (public.gate(id))", role)
    for part in ("etc/keys", "state/status", "runtime", "store"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "runtime/venv").symlink_to(sys.prefix)
    (tmp_path / "recovery.key").write_text(f"{secrets.token_hex(32)}\n")
    (tmp_path / "recovery.key").chmod(0o600)
    book = tmp_path / "prepare.yml"
    keys = {"name": "lifeboat.recovery.host", "tasks_from": "keys_sealed_host"}
    made = {
        "hosts": "databases",
        "gather_facts": False,
        "tasks": [{"name": "Keys", "ansible.builtin.include_role": keys}],
    }
    book.write_text(json.dumps([made, {"import_playbook": "lifeboat.recovery.backup"}]))
    plays = Plays(tmp_path, server, role, gate)
    plays.end(plays.start(str(book)), 0)
    yield plays
    gate.touch()
    for (name,) in server.execute(f"SELECT datname::text FROM pg_database WHERE datname LIKE '{role}%'"):
        server.drop(name)
    server.execute(f"DROP ROLE {role}")


def test_a_server_without_the_roles_of_a_backup_gets_them(plays: Plays) -> None:
    """As a bare one in the place of a lost one: the role of the backups may not create roles, and is lent that."""
    reader = f"{plays.role}_reader"
    plays.server.execute(f"CREATE ROLE {reader} LOGIN; GRANT SELECT ON public.orders TO {reader}", plays.role)
    plays.end(plays.start("lifeboat.recovery.backup", lifeboat_max_age=""), 0)
    plays.server.execute(f"REVOKE SELECT ON public.orders FROM {reader}; DROP ROLE {reader}", plays.role)
    plays.end(plays.start("lifeboat.recovery.restore", "--check", lifeboat_target=f"{plays.role}_again"), 0)
    plays.end(plays.start("lifeboat.recovery.restore", lifeboat_target=f"{plays.role}_again"), 0)
    found = plays.server.execute(f"SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = '{reader}'")
    assert found == [(True, False)]


def test_playbooks_side_by_side(plays: Plays) -> None:
    plays.gate.unlink()
    long = plays.start("lifeboat.recovery.restore", lifeboat_target=f"{plays.role}_long")
    building = "SELECT 1 FROM pg_stat_activity WHERE query ~ 'INDEX slow' AND pid <> pg_backend_pid()"
    eventually(lambda: long.poll() is not None or plays.server.execute(building))
    assert long.poll() is None, long.communicate()[0]
    # One that only plans, and one that is refused because nobody confirmed: they change nothing about the role.
    role = f"SELECT rolsuper, xmin::text FROM pg_authid WHERE rolname = '{plays.role}'"
    [(is_superuser, version)] = plays.server.execute(role)
    checked = plays.start("lifeboat.recovery.restore", "--check", lifeboat_target=f"{plays.role}_check")
    refused = plays.start("lifeboat.recovery.restore")
    assert "Would restore" in plays.end(checked, 0)
    assert "set confirm" in plays.end(refused, 2)
    assert is_superuser
    assert plays.server.execute(role) == [(True, version)], "the restore that runs has lost its rights"
    assert len(list(plays.home.glob("etc/keys/lent*"))) == 1
    plays.gate.touch()
    plays.end(long, 0)
    assert plays.server.execute(f"SELECT rolsuper FROM pg_roles WHERE rolname = '{plays.role}'") == [(False,)]
    assert not list(plays.home.glob("etc/keys/lent*"))
    assert not list(plays.home.glob("etc/loans/*.loan"))
