# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role on this machine: a small web shop is deployed, started, asked, made read-only and stopped by real plays."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import tarfile
import typing as t
from pathlib import Path

import pytest
import yaml
from environment import unconfigured
from postgres_fixtures import free_port

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster, ClusterFactory, DatabaseFactory
    from receiver_fixtures import Certificate

ROOT = Path(__file__).resolve().parents[4]
COLLECTIONS = next(path for path in sys.path if (Path(path) / "ansible_collections").is_dir())
PASSWORD = "sesame-open-sesame-7391"
SERVICE = """
- name: Start
  when: application_action == 'start'
  ansible.builtin.command:
    argv: [start-stop-daemon, --start, --oknodo, --background, --make-pidfile, --pidfile, "{{ shop_pid }}",
           --startas, "{{ ansible_playbook_python }}", --, "{{ shop_run }}"]
  changed_when: "'already running' not in started.stdout"
  register: started

- name: Stop
  when: application_action == 'stop'
  ansible.builtin.command:
    argv: [start-stop-daemon, --stop, --oknodo, --remove-pidfile, --retry, "10", --pidfile, "{{ shop_pid }}"]
  changed_when: "'none killed' not in stopped.stdout"
  register: stopped
"""
RUN = """
import os, sys
for line in open({env!r}):
    name, _, value = line.strip().partition("=")
    os.environ[name] = value.strip("'")
os.execv(sys.executable, [sys.executable, {server!r}, "serve"])
"""
NOTE = """
- name: Note it
  ansible.builtin.lineinfile:
    path: "{{ notes }}"
    line: "{{ application_action }} {{ application_name }} {{ inventory_hostname }}"
    create: true
    mode: "0600"
  throttle: 1
"""


@dataclasses.dataclass
class Machine:
    """Runs the role on hosts that are all this machine."""

    home: Path
    variables: dict[str, t.Any]
    hosts: tuple[str, ...] = ("web1",)

    def run(self, part: str = "main", *arguments: str, **changes: t.Any) -> subprocess.CompletedProcess[str]:
        given = {**self.variables, **changes}
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        inventory = self.home / "hosts.json"
        inventory.write_text(
            json.dumps({"webservers": {"hosts": dict.fromkeys(self.hosts, local), "vars": given}}), encoding="utf-8"
        )
        role = {"name": "lifeboat.recovery.application", "tasks_from": part}
        play = {"hosts": "webservers", "gather_facts": False, "tasks": [{"ansible.builtin.import_role": role}]}
        (self.home / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
        environ = unconfigured()
        environ |= {"ANSIBLE_COLLECTIONS_PATH": COLLECTIONS, "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
        environ |= {"ANSIBLE_HOME": str(self.home / "ansible"), "ANSIBLE_PIPELINING": "1"}
        done = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, "play.yml", "--diff", *arguments],
            env=environ,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert PASSWORD not in done.stdout + done.stderr
        return done

    def fine(self, part: str = "main", *arguments: str, **changes: t.Any) -> int:
        """Run a part that succeeds, and give how many tasks changed something."""
        done = self.run(part, *arguments, **changes)
        assert done.returncode == 0, done.stdout + done.stderr
        recap = done.stdout.rpartition("PLAY RECAP")[2]
        return sum(int(line.split("changed=")[1].split()[0]) for line in recap.splitlines() if "changed=" in line)


@dataclasses.dataclass
class Shop:
    """The web shop on a machine."""

    machine: Machine
    service: dict[str, t.Any]
    server: Cluster
    database: str

    @property
    def home(self) -> Path:
        return self.machine.home

    def fine(self, part: str = "main", *arguments: str, **changes: t.Any) -> int:
        return self.machine.fine(part, *arguments, lifeboat_services=[{**self.service, **changes}])

    def fails(self, part: str = "main", **changes: t.Any) -> str:
        done = self.machine.run(part, lifeboat_services=[{**self.service, **changes}])
        assert done.returncode != 0, done.stdout
        return " ".join((done.stdout + done.stderr).split())

    def settings(self) -> str:
        return (self.home / "shop.env").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def owner(cluster: ClusterFactory) -> Iterator[tuple[Cluster, str]]:
    server = cluster()
    server.execute(f"CREATE ROLE web_shop LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE root LOGIN SUPERUSER")
    yield server, "web_shop"
    server.execute("DROP ROLE web_shop; DROP ROLE root")


@pytest.fixture
def shop(
    owner: tuple[Cluster, str], database: DatabaseFactory, certificate: Certificate, tmp_path: Path
) -> Iterator[Shop]:
    server, role = owner
    name = database()
    server.execute(f'ALTER DATABASE "{name}" OWNER TO {role}')
    source = ROOT / "tests/rig/shop/server.py"
    with tarfile.open(tmp_path / "shop.tar.gz", "w:gz") as archive:
        archive.add(source, "server.py")
    dest, port = tmp_path / "srv", free_port()
    key = Path(certificate.path).with_name("key.pem")
    (tmp_path / "service.yml").write_text(SERVICE, encoding="utf-8")
    (tmp_path / "run.py").write_text(RUN.format(env=str(tmp_path / "shop.env"), server=str(dest / "server.py")))
    secret = tmp_path / "smoke.password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    url = f"https://localhost:{port}"
    login = {"login_unix_socket": server.directory, "login_port": server.port, "login_user": role}
    service = {
        "name": "shop",
        "hosts": "webservers",
        "manager": "tasks",
        "tasks": str(tmp_path / "service.yml"),
        "deploy": {
            "archive": str(tmp_path / "shop.tar.gz"),
            "dest": str(dest),
            "build": [[sys.executable, "-m", "py_compile", "server.py"], ["touch", "built"]],
            "migrate": [sys.executable, str(tmp_path / "with.py"), "migrate"],
            "migrate_unless": [sys.executable, str(tmp_path / "with.py"), "migrated"],
        },
        "config": {
            "path": str(tmp_path / "shop.env"),
            "set": {
                "DATABASE_URL": f"postgresql://{role}:{PASSWORD}@127.0.0.1:{server.port}/{name}",
                "SHOP_PASSWORD": PASSWORD,
                "PORT": port,
                "READ_ONLY": False,
                "TLS_CERT": str(tmp_path / "tls.pem"),
                "TLS_KEY": str(tmp_path / "tls.key"),
            },
        },
        "certificates": {
            "cert": certificate.path,
            "key": str(key),
            "cert_path": str(tmp_path / "tls.pem"),
            "key_path": str(tmp_path / "tls.key"),
        },
        "checks": [
            {
                "name": "health",
                "http": {"url": f"{url}/health", "ca_cert": certificate.path, "json": {"database": "connected"}},
            },
            {
                "name": "login",
                "http": {
                    "url": f"{url}/account",
                    "ca_cert": certificate.path,
                    "contains": "Your orders: 0",
                    "login": {"url": f"{url}/login", "secret_files": {"password": str(secret)}},
                },
            },
            {"name": "writing", "write": {"database": name, "query": "INSERT INTO orders DEFAULT VALUES", **login}},
        ],
        "read_only": {"set": {"READ_ONLY": "true"}, "databases": [{"host": "web1", "name": name}]},
    }
    with_settings = RUN.format(env=str(tmp_path / "shop.env"), server=str(dest / "server.py"))
    (tmp_path / "with.py").write_text(with_settings.replace('"serve"]', "*sys.argv[1:]]"))
    variables = {
        "lifeboat_application": "shop",
        "lifeboat_store": {"url": "file:///nowhere"},
        "lifeboat_python": sys.executable,
        "lifeboat_service_within": "20s",
        "lifeboat_login_unix_socket": server.directory,
        "lifeboat_login_port": server.port,
        "lifeboat_postgres_user": "root",
        "shop_pid": str(tmp_path / "shop.pid"),
        "shop_run": str(tmp_path / "run.py"),
    }
    made = Shop(Machine(tmp_path, variables), service, server, name)
    yield made
    subprocess.run(
        ["start-stop-daemon", "--stop", "--oknodo", "--retry", "5", "--pidfile", variables["shop_pid"]],
        check=False,
        capture_output=True,
    )
    shutil.rmtree(dest, ignore_errors=True)


def test_a_shop_is_deployed_started_asked_made_read_only_and_stopped(shop: Shop) -> None:
    assert shop.fine("main", "--check") > 0
    assert not (shop.home / "srv").exists(), "check mode wrote something"
    assert not (shop.home / "shop.env").exists()
    assert shop.fine("main") > 0
    assert (shop.home / "shop.env").stat().st_mode & 0o777 == 0o600
    assert (shop.home / "tls.key").stat().st_mode & 0o777 == 0o600
    assert shop.fine("main") == 0, "the second run changed something"

    insecure = {"databases": [], "set": {}}
    assert "the server took it" in shop.fails("read_only", read_only=insecure)
    assert shop.fine("read_only") > 0
    assert "READ_ONLY=true" in shop.settings()
    assert shop.fine("read_only") == 0
    assert shop.fine("read_write") > 0
    assert "READ_ONLY=false" in shop.settings()

    assert shop.fine("stop") > 0
    said = shop.fails("check", checks=[{"within": "1s", **check} for check in shop.service["checks"][:1]])
    assert "health failed after 2 attempts: wanted that GET https://localhost:" in said
    assert "came no connection: Connection refused" in said


def test_other_lines_and_the_mode_of_settings_stay_and_the_old_file_is_kept(shop: Shop) -> None:
    path = shop.home / "shop.env"
    path.write_text("# ours\nOTHER='a b'\nPORT=1\n")
    path.chmod(0o640)
    assert shop.fine("configure") > 0
    assert shop.settings().startswith(f"# ours\nOTHER='a b'\nPORT={shop.service['config']['set']['PORT']}\n")
    assert path.stat().st_mode & 0o777 == 0o640
    (kept,) = (file for file in shop.home.glob("shop.env.*"))
    assert kept.read_text() == "# ours\nOTHER='a b'\nPORT=1\n"
    assert shop.fine("configure") == 0
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert "shop.env is a symbolic link" in shop.fails("configure")


def test_what_cannot_serve_replaces_no_certificate(shop: Shop, tmp_path: Path) -> None:
    shop.fine("configure")
    before = (shop.home / "tls.pem").read_bytes()
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    made = shop.service["certificates"]
    shop.fails("configure", certificates={**made, "cert": str(wrong)})
    assert (shop.home / "tls.pem").read_bytes() == before
    other = tmp_path / "other.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(other)], check=True, capture_output=True)
    assert "other.key is not the key of" in shop.fails("configure", certificates={**made, "key": str(other)})


def test_a_build_that_was_broken_off_runs_again(shop: Shop) -> None:
    deploy = {**shop.service["deploy"], "build": [["touch", "first"], ["false"]], "migrate": []}
    shop.fails("deploy", deploy=deploy)
    (shop.home / "srv" / "first").unlink()
    shop.fails("deploy", deploy=deploy)
    assert (shop.home / "srv" / "first").exists()
    again = {**deploy, "build": [["touch", "first"]]}
    assert shop.fine("deploy", deploy=again) > 0
    assert shop.fine("deploy", deploy=again) == 0


def test_each_host_keeps_the_order_of_the_list_and_leaves_other_services_alone(tmp_path: Path) -> None:
    (tmp_path / "note.yml").write_text(NOTE, encoding="utf-8")
    own = {"manager": "tasks", "tasks": str(tmp_path / "note.yml")}
    services = [
        {"name": "queue", "hosts": "web2", **own},
        {"name": "api", "hosts": "webservers", **own},
        {"name": "front", "hosts": "web1", **own},
        {"name": "other", "hosts": "mail", **own},
    ]
    variables = {"lifeboat_application": "shop", "lifeboat_store": {}, "lifeboat_services": services}
    variables["notes"] = str(tmp_path / "notes")
    machine = Machine(tmp_path, variables, ("web1", "web2"))
    done = machine.run("start")
    assert "lifeboat_services[3].hosts: 'mail' names no host of the inventory." in " ".join(done.stdout.split())
    assert not (tmp_path / "notes").exists(), "something ran before all was known to be right"
    variables["lifeboat_services"] = services[:3]
    machine.fine("start")
    machine.fine("stop")
    lines = [line.rsplit(" ", 1) for line in (tmp_path / "notes").read_text().splitlines()]
    of_hosts = {host: [said for said, where in lines if where == host] for host in ("web1", "web2")}
    assert of_hosts == {
        "web1": ["start api", "start front", "stop front", "stop api"],
        "web2": ["start queue", "start api", "stop api", "stop queue"],
    }


def test_a_misspelt_key_is_refused_with_the_one_that_is_meant(shop: Shop) -> None:
    said = shop.fails("stop", chekcs=[])
    assert "lifeboat_services[0].chekcs is unknown. Did you mean checks?" in said
