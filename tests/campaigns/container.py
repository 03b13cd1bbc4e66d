# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The container of extensions/container, built and run: container.py [--suite bookworm]

Builds the image on Debian packages, as the test hosts' images are, starts a PostgreSQL server on this machine, and lets
the container's own schedule back it up by TCP each minute: without keys, enrolled, running, with a server that refuses
it, and stopped and started again. Ends with 1 when a check failed. As root; about five minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
importlib.import_module("conftest")  # makes the collection importable
import yaml
from postgres_fixtures import Cluster, start_cluster, stop_cluster

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "localhost/lifeboat:campaign"
USER = 10001
PATIENCE = 400
"""Seconds within which something has to happen that the schedule does each minute."""

# What docs/container.md tells people to do in their database.
ROLE = """
CREATE ROLE lifeboat LOGIN BYPASSRLS PASSWORD '{password}';
GRANT pg_read_all_data, pg_read_all_settings TO lifeboat;
"""


def podman(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run podman of the test hosts."""
    script = f'. "{ROOT}/tests/rig/hosts/env.sh" && exec podman "$@"'
    argv = ["bash", "-c", script, "podman", *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if check and done.returncode:
        sys.exit(f"podman {' '.join(map(str, arguments))}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done


def build(suite: str) -> None:
    """Build the image as docs/container.md says, with wheels instead of a package index."""
    subprocess.run([ROOT / "tests/rig/hosts/image.sh", suite], check=True)
    wheels = ROOT / ".cache/container-wheels"
    base = f"localhost/lifeboat-debian:{suite}"
    python = podman(
        "run", "--rm", "--network", "none", f"localhost/lifeboat-base:{suite}", "python3", "-c",
        "import sys; print('%d.%d' % sys.version_info[:2])",
    ).stdout.strip()  # fmt: skip
    wanted = subprocess.run(
        [sys.executable, ROOT / "tests/lib/wanted.py", python],
        input=(ROOT / "meta/ee-requirements.txt").read_text() + "ansible-core>=2.19,<2.22\n",
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    platforms = [f"--platform=manylinux_{level}_x86_64" for level in ("2_34", "2_28", "2_17")]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--implementation=cp"),
            *(f"--python-version={python}", *platforms, "--platform=manylinux2014_x86_64", f"--dest={wheels}", *wanted),
        ],
        check=True,
    )
    podman(
        "build", "--network=host", "--isolation=chroot", "--format=docker", f"--volume={wheels}:/wheels:ro",
        f"--build-arg=DEBIAN={base}", "--build-arg=PIP_OPTIONS=--no-index --find-links=/wheels",
        f"--tag={IMAGE}", f"--file={ROOT}/extensions/container/Containerfile", ROOT,
    )  # fmt: skip


class Container:
    """The container, its files on this machine, and its volume."""

    def __init__(self, home: Path, server: Cluster) -> None:
        self.home = home
        self.name = f"lifeboat-campaign-{os.getpid()}"
        self.password = secrets.token_hex(8)
        for name, text in {
            "lifeboat_recovery_key": f"{secrets.token_hex(32)}\n",
            "lifeboat_database_password": f"{self.password}\n",
        }.items():
            (home / name).write_text(text)
            (home / name).chmod(0o400)
            os.chown(home / name, USER, USER)
        for name in ("store", "volume"):
            (home / name).mkdir()
            os.chown(home / name, USER, USER)
        variables = {
            "lifeboat_application": "shop",
            "lifeboat_login_host": "127.0.0.1",
            "lifeboat_login_port": server.port,
            "lifeboat_login_user": "lifeboat",
            "lifeboat_login_password_file": "/run/secrets/lifeboat_database_password",
            "lifeboat_databases": ["shop"],
            "lifeboat_store": {"url": "file:///store"},
            "lifeboat_schedule": [
                {"name": "each-minute", "job": "backup", "cron": "* * * * *"},
                {"name": "reading", "job": "verify", "cron": "0 0 29 2 *"},
            ],
        }
        (home / "hosts.yml").write_text(yaml.safe_dump({"databases": {"hosts": {"db1": {}}, "vars": variables}}))
        (home / "hosts.yml").chmod(0o644)
        home.chmod(0o755)

    def start(self, *command: str, key: bool = False) -> subprocess.CompletedProcess[str]:
        """Run the image; without a command in the background."""
        mounts = {"hosts.yml": "/etc/lifeboat/hosts.yml:ro", "store": "/store", "volume": "/var/lib/lifeboat"}
        mounts["lifeboat_database_password"] = "/run/secrets/lifeboat_database_password:ro"
        if key:
            mounts["lifeboat_recovery_key"] = "/run/secrets/lifeboat_recovery_key:ro"
        limits = ("--memory=1g", "--cpus=1", "--pids-limit=256", "--cap-drop=all", "--security-opt=no-new-privileges")
        return podman(
            "run", *(("--rm",) if command else ("--detach",)), "--name", self.name, "--network=host",
            "--read-only", *limits, *(f"--volume={self.home / here}:{there}" for here, there in mounts.items()),
            IMAGE, *command, check=False,
        )  # fmt: skip

    def health(self) -> int:
        return podman("healthcheck", "run", self.name, check=False).returncode

    def backups(self) -> int:
        return len(list((self.home / "store").glob("shop/manifests/*/*/*.json")))

    def within(self, question: Callable[[], bool]) -> bool:
        """Ask until it is so. Return whether it was in time."""
        deadline = time.monotonic() + PATIENCE
        while not (holds := question()) and time.monotonic() < deadline:
            time.sleep(2)
        return holds

    def logs(self) -> str:
        done = podman("logs", self.name, check=False)
        return done.stdout + done.stderr


@contextlib.contextmanager
def prepared() -> Iterator[tuple[Container, Cluster]]:
    server = start_cluster()
    try:
        with tempfile.TemporaryDirectory(prefix="lifeboat-container-") as home:
            box = Container(Path(home), server)
            server.create("shop")
            server.execute("CREATE TABLE public.t AS SELECT generate_series(1, 1000) AS id", "shop")
            server.execute(ROLE.format(password=box.password))
            try:
                yield box, server
            finally:
                podman("rm", "--force", "--time=30", box.name, check=False)
    finally:
        stop_cluster(server)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build and run the container.")
    parser.add_argument("--suite", default="bookworm")
    began = time.monotonic()
    build(parser.parse_args().suite)
    print(f"built after {time.monotonic() - began:.0f} s", flush=True)
    checks: dict[str, bool] = {}

    def check(what: str, holds: bool) -> None:
        checks[what] = holds
        print(f"{'ok    ' if holds else 'FAILED'} {time.monotonic() - began:4.0f} s {what}", flush=True)

    with prepared() as (box, server):
        done = box.start("run")
        check(
            "without keys it does not start, and says why",
            done.returncode != 0 and "command enroll" in done.stdout + done.stderr,
        )
        done = box.start("enroll", key=True)
        check("it is enrolled with the recovery key", done.returncode == 0)
        if done.returncode:
            print(done.stdout[-3000:], done.stderr[-3000:])
            return 1
        box.start()
        check("its own schedule makes a backup", box.within(lambda: box.backups() > 0))
        check("it is healthy", box.within(lambda: "is done" in box.logs() and box.health() == 0))
        if not all(checks.values()):
            print(box.logs()[-5000:])
        inside = podman("exec", box.name, "sh", "-c", "id -u; ls /run/secrets", check=False).stdout
        check("it is not root, and holds no recovery key", inside.split() == [str(USER), "lifeboat_database_password"])
        check(
            "every stored byte is right",
            podman("exec", box.name, "lifeboat-container", "job", "reading", check=False).returncode == 0,
        )
        server.execute("ALTER ROLE lifeboat NOLOGIN")
        check(
            "a backup that fails makes it unhealthy",
            box.within(lambda: "each-minute failed" in box.logs() and box.health() != 0),
        )
        server.execute("ALTER ROLE lifeboat LOGIN")
        check("one that does not makes it healthy again", box.within(lambda: box.health() == 0))
        stopped = time.monotonic()
        podman("stop", "--time=120", box.name)
        check(f"it stops by itself in {time.monotonic() - stopped:.0f} s", time.monotonic() - stopped < 100)
        before = box.backups()
        podman("start", box.name)
        check("started again, it goes on with what the volume has", box.within(lambda: box.backups() > before))
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
