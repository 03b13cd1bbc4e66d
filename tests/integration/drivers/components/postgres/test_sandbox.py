# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The owner of a database attacks the machine that validates its backup: from a constraint, as a superuser."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import dataclasses
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import asked
import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    checks,
    sandbox,
    scratch,
    scratch_place,
    server,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    connect,
    execute,
    rows,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors, process
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation


@dataclasses.dataclass
class Attacked:
    """What an attacker would like to have, and the marks by which its success is known."""

    token: str
    loot: Path
    secret: str
    key: Path
    listener: socket.socket
    production: t.Any

    def program(self) -> str:
        """Return what the attacker runs, in one line without quotes. Each line that it prints tells what it reached."""
        script = base64.b64encode(self._script().encode()).decode()
        return f"echo {script} | base64 -d | bash 2>/dev/null; true"

    def _script(self) -> str:
        login = self.production.login
        places = f"/tmp /var/tmp /dev/shm /dev/mqueue /run /run/lock /var/run /root /home /var/lib /etc {self.loot}"
        return f"""
            echo "ran as $(id -u)"
            for place in {places}; do echo {self.token} > $place/{self.token} && echo "wrote $place"; done
            for file in {self.key} /etc/shadow /etc/hosts /root/.profile /proc/*/environ; do
                grep -a -q -e {self.secret} -e root: -e localhost -e mesg $file && echo "read $file"; done
            ls -A /root /home /var/lib /etc/lifeboat /opt /srv && echo "listed"
            {self.production.bin}/psql -h {login.unix_socket} -p {login.port} -U postgres \\
                -c "CREATE ROLE {self.token}" && echo "production"
            (exec 3<>/dev/tcp/127.0.0.1/{self.listener.getsockname()[1]}) && echo "network"
            ls -d /proc/[0-9]* | wc -l | xargs -I N test N -gt 40 && echo "saw processes"
            setsid nohup bash -c "exec -a {self.token} sleep 60" >/dev/null 2>&1 &
            perl -e 'for (1..1000) {{ my $p = fork; last unless defined $p; if (!$p) {{ sleep 20; exit }} push @k, $p }}
                     print "forked ", scalar(@k), "\\n"; kill 9, @k'
        """

    def reached(self) -> list[str]:
        """Return what of the attack is seen on the machine."""
        places = [Path(name) for name in ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/run/lock", "/root")]
        found = [str(one) for one in (*places, Path("/etc"), self.loot) if (one / self.token).exists()]
        found += [f"process {pid}" for pid in survivors(self.token)]
        found += [
            name for (name,) in self.production.execute("SELECT rolname::text FROM pg_roles") if name == self.token
        ]
        with contextlib.suppress(TimeoutError):
            self.listener.accept()
            found.append("network")
        return found


def survivors(token: str) -> list[int]:
    """Return the processes of this machine that carry the token."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if token.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                found.append(int(name))
    return found


@pytest.fixture
def attacked(cluster: t.Any, tmp_path: Path) -> t.Iterator[Attacked]:
    token, secret = "t" + secrets.token_hex(6), secrets.token_hex(32)
    loot = Path(tempfile.mkdtemp(prefix="loot-", dir="/tmp"))
    loot.chmod(0o777)
    key = loot / "key"
    key.write_text(secret)
    key.chmod(0o644)
    os.environ["LIFEBOAT_TEST_CANARY"] = secret
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        listener.settimeout(0.2)
        yield Attacked(token, loot, secret, key, listener, cluster())
    del os.environ["LIFEBOAT_TEST_CANARY"]
    shutil.rmtree(loot)
    for one in ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/run/lock", "/etc", "/root"):
        (Path(one) / token).unlink(missing_ok=True)
    for pid in survivors(token):
        os.kill(pid, signal.SIGKILL)


# PostgreSQL lets no COPY into a function that is not volatile, but lets such a function call one that is. What was
# reached is told as the comment on a role: that stands outside of what a validation compares. Others' roles have some.
HOSTILE = """
SET search_path = public;
CREATE FUNCTION attack() RETURNS void LANGUAGE plpgsql AS $attack$
DECLARE said text;
BEGIN
    IF current_setting('data_directory') NOT LIKE '%scratch-%' THEN RETURN; END IF;
    IF EXISTS (SELECT FROM pg_shdescription WHERE description LIKE 'ran as %') THEN RETURN; END IF;
    CREATE TEMPORARY TABLE said (n serial, line text);
    EXECUTE $copy$COPY said (line) FROM PROGRAM '<program>'$copy$;
    SELECT string_agg(line, ', ' ORDER BY n) FROM said INTO said;
    EXECUTE format('COMMENT ON ROLE %I IS %L', session_user, said);
END $attack$;
CREATE FUNCTION evil(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $evil$
BEGIN PERFORM public.attack(); RETURN n; END $evil$;
CREATE TABLE traps (n int CHECK (evil(n) > 0), d int DEFAULT evil(1), g int GENERATED ALWAYS AS (evil(n)) STORED);
INSERT INTO traps (n) VALUES (1), (2);
CREATE INDEX trap ON traps (evil(n));
CREATE MATERIALIZED VIEW trapped AS SELECT evil(n) FROM traps;
"""


def prove(backup: restore_fakes.Backup, place: Path, **values: t.Any) -> t.Any:
    settings = t.cast("t.Any", type("Settings", (), {"application": "shop", "state_dir": None, "place": ""})())
    request = asked.validation(settings, "main", "shop", scratch_dir=str(place), **values)
    world = restore_fakes.world(environ={"PATH": os.environ["PATH"]})
    return validation.validate_chain(request, world, [t.cast("t.Any", backup)]).facts["validation"]


def test_a_hostile_dump_runs_and_reaches_nothing(restorer, database, place, attacked):
    backup = restore_fakes.back_up(restorer.cluster, database(sql=HOSTILE.replace("<program>", attacked.program())))
    asked = checks.parse(
        [
            {
                "name": "said",
                "query": "SELECT min(description) FROM pg_shdescription WHERE description LIKE 'ran as %'",
                "minimum": 0,
            }
        ],
        [],
    )
    with pytest.raises(errors.ProofMismatch) as caught:
        prove(backup, place, checks=asked)
    result = caught.value.details["validation"]
    assert not result["differences"]
    said = str(result["checks"][0]["found"]).split(", ")
    assert said[0].startswith("ran as "), "the trap did not run, so this test proves nothing"
    # Inside there is a /tmp, of nobody else's. What it wrote there is gone with it.
    assert [line for line in said[1:] if not line.startswith("forked")] == ["wrote /tmp", "wrote /dev/shm"]
    assert int(said[-1].removeprefix("forked ")) < scratch_place.PROCESSES
    assert attacked.reached() == []


def running(place: Path, chance: int = 0) -> t.ContextManager[scratch.Scratch]:
    return scratch.running(
        server.programs(15), parent=str(place), chance=chance, superuser="postgres", sleep=time.sleep
    )


def inside(cluster: scratch.Scratch, command: str) -> str:
    """Run a command as the superuser of a scratch cluster may, and give what it prints."""
    with contextlib.closing(connect(cluster.login, "postgres")) as session:
        execute(session, "CREATE TEMPORARY TABLE said (n serial, line text)")
        quoted = command.replace("'", "''")
        execute(
            session,
            f"COPY pg_temp.said (line) FROM PROGRAM '{quoted} 2>&1; true' CSV DELIMITER E'\\x02' QUOTE E'\\x01'",
        )
        return "\n".join(line for (line,) in rows(session, "SELECT line FROM pg_temp.said ORDER BY n"))


# Kerberos, disk encryption and mounts keep secrets in keyrings, and who possesses one still does as another user.
SEARCH = """import ctypes; print(ctypes.CDLL("libkeyutils.so.1").keyctl_search(-3, b"user", b"lifeboat-test", 0))"""


def test_neighbours_neither_see_nor_end_each_other(place):
    assert ctypes.CDLL("libkeyutils.so.1").add_key(b"user", b"lifeboat-test", b"secret", 6, -3) > 0
    with running(place) as one, running(place) as other:
        assert inside(one, f"/usr/bin/python3 -c '{SEARCH}'") == "-1"
        assert one.uid != other.uid
        assert inside(one, f"ls {place}").split() == [os.path.basename(one.directory)]
        assert inside(one, f"ls {one.directory}").split() == ["data", "socket"]
        assert inside(one, "cat /proc/self/oom_score_adj") == "1000"
        assert "No such file" in inside(one, f"cat {other.directory}/data/PG_VERSION")
        assert inside(one, "ls -d /proc/[0-9]*").split() != []
        assert str(other.uid) not in inside(one, "ps -eo uid,args")
        # What reads the dump has the socket, and not even its own cluster's files.
        reader = subprocess.run(
            [*one.prefix, "ls", one.directory], env=dict(one.environ), capture_output=True, check=True
        )
        assert reader.stdout.split() == [b"socket"]
        with pytest.raises(errors.ProcessFailed, match=r"^ls ended with status 2: ls: "):
            process.run([*one.prefix, "ls", "/nothing"], env=one.environ)
        with pytest.raises(errors.DatabaseError):
            inside(one, "kill -9 -1")
        assert inside(other, "echo still here") == "still here"


def test_a_socket_that_leads_to_another_server_is_not_talked_to(restorer, place):
    production = restorer.cluster.login
    theirs = f"{production.unix_socket}/.s.PGSQL.{production.port}"
    with running(place) as cluster:
        inside(
            cluster,
            f"rm {cluster.login.unix_socket}/.s.PGSQL.5432; ln -s {theirs} {cluster.login.unix_socket}/.s.PGSQL.5432",
        )
        with pytest.raises(errors.DatabaseError, match=f", not as {cluster.uid}"):
            connect(cluster.login, "postgres")


# A server that asks whoever comes for a password in clear text, as its superuser may make it do.
ASKING = """
import os, socket, sys
os.unlink(sys.argv[1])
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1])
    listener.listen()
    print("listening", flush=True)
    client, _address = listener.accept()
    client.recv(4096)
    client.send(b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big"))
    open(sys.argv[2], "wb").write(client.recv(4096))
"""


def test_a_server_that_asks_for_a_password_gets_none(place, tmp_path, monkeypatch):
    passwords = tmp_path / "pgpass"
    passwords.write_text("*:*:*:*:topsecret\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    monkeypatch.setenv("PGPASSWORD", "topsecret")
    with running(place) as cluster:
        script = base64.b64encode(ASKING.encode()).decode()
        asked = Path(cluster.directory, "data", "asked")
        start = f"echo {script} | base64 -d > /tmp/ask; setsid python3 /tmp/ask {cluster.login.unix_socket}"
        said = inside(cluster, f"{start}/.s.PGSQL.5432 {asked} >/tmp/said 2>&1 & until test -s /tmp/said; do :; done")
        assert not said
        with pytest.raises(errors.DatabaseError):
            connect(cluster.login, "postgres")
        assert not asked.exists() or b"topsecret" not in asked.read_bytes()


def test_the_last_room_on_a_disk_is_not_taken(place):
    small = place / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m,mode=0700", "small", str(small)], check=True)
    try:
        with pytest.raises(errors.DatabaseError, match=r"fills up .*/small/"), running(small) as cluster:
            inside(cluster, f"cat /dev/zero > {cluster.directory}/data/fill; sleep 30")
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)
        small.rmdir()


# It stays, and it digs deeper than a path may be long.
ATTACK = (
    'setsid bash -c "exec -a {token} sleep 60" >/dev/null 2>&1 & '
    "perl -e 'for (1..1500) {{ mkdir q(d); chdir q(d) or die }}'"
)
RUN = """
import os, signal, sys, time
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import connection
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import scratch
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import server
signal.signal(signal.SIGTERM, lambda *_given: sys.exit(143))
try:
    with scratch.running(
        server.programs(15), parent=sys.argv[1], chance=1, superuser="postgres", sleep=time.sleep
    ) as cluster:
        with connection.connect(cluster.login, "postgres") as session:
            session.execute(f"COPY (SELECT 1) TO PROGRAM '{os.environ['ATTACK']}'")
        print("running", flush=True)
        while True:  # a signal that comes just before a sleep is looked at after it
            time.sleep(0.05)
except errors.RecoveryError as exc:
    print(exc, flush=True)
"""


def start(*prefix: str, place: Path, token: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "ATTACK": ATTACK.format(token=token).replace("'", "''"),
    }
    argv = [*prefix, sys.executable, "-c", RUN, str(place)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_validation_leaves_no_process_and_no_directory(place, number):
    token = "t" + secrets.token_hex(6)
    with start(place=place, token=token) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "running\n"
        left = [os.pidfd_open(pid) for pid in survivors(token)]
        child.send_signal(number)
    assert len(left) == 1
    assert ended(left[0])
    if number == signal.SIGTERM:
        assert list(place.iterdir()) == []
    scratch_place.remove_leftovers(str(place))


def ended(handle: int) -> bool:
    """Wait for the end of a process that is not our child."""
    with os.fdopen(handle):
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(10_000))


def test_without_the_right_to_build_walls_nothing_runs(place):
    """As in a container without CAP_SYS_ADMIN."""
    with start("setpriv", "--inh-caps=-all", "--bounding-set=-sys_admin", "--", place=place, token="none") as child:
        said = child.communicate()[0]
    assert said.startswith("The sandbox of a scratch cluster cannot be created on this host: ")
    assert "CAP_SYS_ADMIN" in said


@pytest.mark.parametrize("program", sandbox.TOOLS)
def test_a_missing_tool_is_named_with_its_package(place, monkeypatch, program):
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **options: None if name == program else found(name, **options))
    with (
        pytest.raises(errors.UsageError, match=f"{program} is not installed.*{sandbox.TOOLS[program]}"),
        running(place),
    ):
        pass
