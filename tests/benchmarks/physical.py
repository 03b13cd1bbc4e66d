# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The archived log, base backups and their recovery beside pgBackRest and barman-cloud, in one run on one machine.

    tests/benchmarks/physical.py [--gigabytes 1] [--segments 16] [--rounds 3] [--write]

All of them use one server and one real S3 server, over TLS, and encrypt where they can. The measure is CPU time, of the
client's processes, and for base backups of the server's too. The peers are installed into a layer over this machine
(tests/campaigns/layer.sh), which is gone afterwards. Needs root.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import typing as t
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "integration")]
importlib.import_module("conftest")  # makes the collection importable
import archiving_fixtures
import data
import measure
import page
import postgres_fixtures
import s3_fixtures

INSIDE = "LIFEBOAT_BENCHMARK_INSIDE"
TOLD = "Told: "
HEADING = "Log, base backup and recovery"
DATABASE = "bench"
STORE = "physical"
PACKAGES = ("pgbackrest", "barman-cli-cloud")

CONFIG = """[global]
repo1-type=s3
repo1-path=/pgbackrest
repo1-s3-bucket={bucket}
repo1-s3-endpoint=localhost
repo1-storage-port={port}
repo1-storage-ca-file={ca}
repo1-s3-uri-style=path
repo1-s3-region={region}
repo1-s3-key={key}
repo1-s3-key-secret={secret}
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass={passphrase}
compress-type=zst
compress-level=3
process-max=2
start-fast=y
log-path={home}/log
lock-path={home}/lock
spool-path={home}/spool
log-level-console=off
log-level-stderr=warn
log-level-file=off
[main]
pg1-path={data}
pg1-port={pg_port}
pg1-socket-path={socket}
"""


@dataclasses.dataclass
class Bench:
    """A host that archives, the bucket, and what pgBackRest and barman-cloud are told."""

    host: archiving_fixtures.Archiving
    s3: s3_fixtures.S3
    home: Path

    @property
    def data(self) -> str:
        return f"{self.host.server.directory}/data"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PGHOST": self.host.server.directory,
            "PGPORT": str(self.host.server.port),
            "PGUSER": "postgres",
            "AWS_SHARED_CREDENTIALS_FILE": str(self.home / "credentials"),
            "AWS_CA_BUNDLE": str(self.home / "ca.crt"),
        }

    def run(self, *argv: str) -> measure.Measured:
        """Run a program as the server's user in its data directory; its CPU time is in the result."""
        words = ["runuser", "-u", "postgres", "--", "env", f"--chdir={self.data}", *argv]
        return measure.run(words, env=self.environ)

    def pgbackrest(self, *words: str) -> measure.Measured:
        return self.run("pgbackrest", f"--config={self.home}/pgbackrest.conf", "--stanza=main", *words)

    def barman(self, path: str) -> measure.Measured:
        url = f"s3://{self.s3.bucket}/barman"
        return self.run("barman-cloud-wal-archive", "--endpoint-url", self.s3.endpoint_tls, "--gzip", url, "main", path)

    def push(self, path: str) -> measure.Measured:
        return self.run(f"{self.host.home}/lifeboat", "wal-push", "main", path)

    def ours(self, what: str, **options: t.Any) -> measure.Measured:
        """Run our base backup or recovery as a process of its own."""
        server = self.host.server
        store = {
            "url": f"s3://{self.s3.bucket}/base",
            "endpoint": self.s3.endpoint_tls,
            "ca_cert": self.s3.ca_cert,
            "credentials_file": self.s3.credentials_file,
        }
        settings = {"store": store, "key": str(self.home / "key"), "socket": server.directory, "port": server.port}
        path = self.home / "settings.json"
        path.write_text(json.dumps({**settings, what: {"bin_dir": server.bin, **options}}), encoding="utf-8")
        return measure.run([sys.executable, str(HERE / "ours.py"), what, str(path)], env=dict(os.environ))

    def stored(self, prefix: str) -> int:
        """Return the bytes of all objects below a prefix."""
        pages = self.s3.client().get_paginator("list_objects_v2").paginate(Bucket=self.s3.bucket, Prefix=prefix)
        return sum(found["Size"] for one in pages for found in one.get("Contents", []))

    def backends(self) -> float:
        """Return the CPU seconds of all processes of the server that have ended."""
        pid = Path(self.data, "postmaster.pid").read_text().split()[0]
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--segments", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    if INSIDE not in os.environ:
        return _elsewhere(options)
    for words in (("update",), ("install", "--no-install-recommends", *PACKAGES)):
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "-q", "-y", *words], env=environ, stdout=subprocess.DEVNULL, check=True)
    server = postgres_fixtures.start_cluster(
        settings={"wal_level": "replica", "archive_mode": "on", "shared_buffers": "'256MB'", "wal_keep_size": "'1GB'"}
    )
    host = archiving_fixtures.host(server)
    try:
        subprocess.run([s3_fixtures.SCRIPT, "start", STORE, "free"], check=True, stdout=subprocess.DEVNULL)
        bench = _prepared(host, options)
        lines = [*_log(bench, options), "", *_base(bench, options)]
    finally:
        host.remove()
        subprocess.run([s3_fixtures.SCRIPT, "wipe", STORE], check=True)
    size = int(options.gigabytes * 1000)
    print(f"{TOLD}{size} MB of tables beside their indexes, PostgreSQL 15; rounds: {options.rounds}, medians")
    print("\n".join(lines))
    return 0


def _elsewhere(options: argparse.Namespace) -> int:
    """Run this program where it may install packages, and write what it tells."""
    layer = str(HERE.parent / "campaigns" / "layer.sh")
    given = [f"--{name}={getattr(options, name)}" for name in ("gigabytes", "segments", "rounds")]
    argv = [layer, "env", f"{INSIDE}=yes", sys.executable, str(HERE / "physical.py"), *given]
    status, what, body = page.passed_on(argv, TOLD)
    if options.write and what:
        page.write({HEADING: "\n".join([page.made_by("benchmarks/physical.py", what), "", *body])})
    return status


def _prepared(host: archiving_fixtures.Archiving, options: argparse.Namespace) -> Bench:
    """Set up all three of them, and a database."""
    server, home = host.server, host.home / "bench"
    told = subprocess.run([s3_fixtures.SCRIPT, "json", STORE], check=True, capture_output=True).stdout
    s3 = s3_fixtures.S3(**json.loads(told), bucket="bench")
    s3.client().create_bucket(Bucket=s3.bucket)
    given = Path(s3.credentials_file).read_text(encoding="utf-8")
    access, secret = re.findall(r"aws_(?:access_key_id|secret_access_key) = (\S+)", given)
    (host.home / "etc/keys").mkdir(mode=0o700)
    for path in (host.home / "etc/keys/store.credentials", home / "credentials"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(given, encoding="utf-8")
        path.chmod(0o600)
    for path in (host.home / "etc/keys", host.home / "etc/keys/store.credentials"):
        shutil.chown(path, archiving_fixtures.USER, "nogroup")
    for path in (host.home / "etc/store-ca.pem", home / "ca.crt"):
        shutil.copy(s3.ca_cert, path)
        path.chmod(0o644)
    host.play(
        lifeboat_store={"url": f"s3://{s3.bucket}/ours", "endpoint": s3.endpoint_tls},
        lifeboat_store_credentials={"access_key_id": access, "secret_access_key": secret},
        lifeboat_store_ca_cert=s3.ca_cert,
    )
    for name in ("log", "lock", "spool", "copies"):
        (home / name).mkdir()
    config = CONFIG.format(
        bucket=s3.bucket,
        port=s3.endpoint_tls.rpartition(":")[2],
        ca=home / "ca.crt",
        region=s3.region,
        key=access,
        secret=secret,
        passphrase=secrets.token_hex(32),
        home=home,
        data=f"{server.directory}/data",
        pg_port=server.port,
        socket=server.directory,
    )
    (home / "pgbackrest.conf").write_text(config, encoding="utf-8")
    for path in (home, *home.iterdir()):
        shutil.chown(path, "postgres", "postgres")
    (home / "key").touch(0o600)
    (home / "key").write_text(secrets.token_hex(32), encoding="utf-8")
    bench = Bench(host, s3, home)
    bench.pgbackrest("stanza-create")
    server.execute("ALTER SYSTEM SET archive_command = '/bin/true'")
    server.execute("SELECT pg_reload_conf()")
    server.create(DATABASE)
    with server.connect(DATABASE) as connection:
        data.fill(connection.execute, options.gigabytes)
    return bench


def _log(bench: Bench, options: argparse.Namespace) -> list[str]:
    """Push single segments, and a backlog, of what pgbench wrote."""
    server = bench.host.server
    server.program("pgbench", "--initialize", "--quiet", "--scale=10")
    needed = options.rounds * 2 + options.segments
    place = Path(server.directory, "segments")
    [[first]] = server.execute("SELECT pg_walfile_name(pg_switch_wal())")
    while len(_finished(bench.data, first)) < needed:
        server.program("pgbench", "--no-vacuum", "--client=2", "--transactions=2000")
    (place / "archive_status").mkdir(parents=True)
    found = _finished(bench.data, first)[:needed]
    for path in found:
        shutil.copy(path, place / path.name)
    for path in (place, place / "archive_status", *place.iterdir()):
        shutil.chown(path, "postgres", "postgres")
    single, backlog = [str(place / path.name) for path in found], []
    who = {
        "ours": bench.push,
        "pgBackRest": lambda path: bench.pgbackrest("archive-push", path),
        "barman-cloud": bench.barman,
    }
    cpu: dict[str, list[float]] = {name: [] for name in who}
    wall: dict[str, list[float]] = {name: [] for name in who}
    for path in single[: options.rounds * 2]:
        for name, push in who.items():
            measured = push(path)
            cpu[name].append(measured.cpu)
            wall[name].append(measured.seconds)
    backlog = single[options.rounds * 2 :]
    for path in backlog:
        (place / "archive_status" / f"{Path(path).name}.ready").touch()
    drained = {}
    for name in ("ours", "pgBackRest"):
        taken = [who[name](path) for path in backlog]
        drained[name] = sum(one.cpu for one in taken) / len(backlog)
    lines = ["| wal-push of a segment | CPU ms | against pgBackRest | wall ms |", "|---|---|---|---|"]
    peer = statistics.median(cpu["pgBackRest"])
    for name in who:
        median, seconds = statistics.median(cpu[name]), statistics.median(wall[name])
        lines.append(f"| {name} | {median * 1000:.0f} | {median / peer:.2f} | {seconds * 1000:.0f} |")
    for name, one in drained.items():
        ratio = one / drained["pgBackRest"]
        lines.append(f"| {name}, of a backlog of {len(backlog)} | {one * 1000:.0f} | {ratio:.2f} | |")
    print("\n".join(lines), flush=True)
    return lines


def _finished(directory: str, first: str) -> list[Path]:
    """Return the segments after `first` that the server has finished."""
    done = Path(directory, "pg_wal").glob("archive_status/*.done")
    return [
        Path(directory, "pg_wal", one.stem) for one in sorted(done) if len(one.stem) == len(first) and one.stem > first
    ]


def _base(bench: Bench, options: argparse.Namespace) -> list[str]:
    """Back up the server's files, and bring them back."""
    server, copies = bench.host.server, bench.home / "copies"
    config = f"--config={bench.home}/pgbackrest.conf"
    server.execute(f"ALTER SYSTEM SET archive_command = 'pgbackrest {config} --stanza=main archive-push %p'")
    server.execute("SELECT pg_reload_conf()")
    who: dict[str, tuple[t.Callable[[], t.Any], t.Callable[[Path], t.Any], str]] = {
        "ours": (
            lambda: bench.ours("physical", wal="included"),
            lambda place: bench.ours("recover", data_directory=str(place)),
            "base/",
        ),
        "pgBackRest": (
            lambda: bench.pgbackrest("--type=full", "backup"),
            lambda place: bench.pgbackrest(f"--pg1-path={place}", "restore"),
            "pgbackrest/backup/",
        ),
    }
    found: dict[tuple[str, str], list[float]] = {}
    for _round in range(options.rounds):
        for name, (backup, restore, prefix) in who.items():
            before, backends = bench.stored(prefix), bench.backends()
            measured = backup()
            found.setdefault((name, "cpu"), []).append(measured.cpu + bench.backends() - backends)
            found.setdefault((name, "peak"), []).append(measured.peak)
            found.setdefault((name, "size"), []).append((bench.stored(prefix) - before) / 2**20)
            measured = restore(copies / name)
            found.setdefault((name, "restore"), []).append(measured.cpu)
            found.setdefault((name, "seconds"), []).append(measured.seconds)
            shutil.rmtree(copies / name)
    archive = bench.home / "dump.custom"
    server.program("pg_dump", "-Fc", "-f", str(archive), database=DATABASE)
    for _round in range(options.rounds):
        server.create(f"{DATABASE}_peer")
        argv = [f"{server.bin}/pg_restore", "-j2", "-d", f"{DATABASE}_peer", str(archive)]
        found.setdefault(("pg_restore -j2", "seconds"), []).append(measure.run(argv, env=bench.environ).seconds)
        server.drop(f"{DATABASE}_peer")
    median = {key: statistics.median(values) for key, values in found.items()}
    heads = ("base backup", "CPU s with the server's", "against", "stored MiB", "peak MiB", "restore, CPU s", "against")
    lines = [
        f"| {' | '.join(heads)} |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in who:
        cpu, restored = median[name, "cpu"], median[name, "restore"]
        lines.append(
            f"| {name} | {cpu:.1f} | {cpu / median['pgBackRest', 'cpu']:.2f} | {median[name, 'size']:.0f} | "
            f"{median[name, 'peak']:.0f} | {restored:.1f} | {restored / median['pgBackRest', 'restore']:.2f} |"
        )
    ratio = median["ours", "seconds"] / median["pg_restore -j2", "seconds"]
    lines += [
        "",
        f"Our recovery takes {ratio:.2f} of the time of `pg_restore -j2` of the same database; it includes the ",
    ]
    lines[-1] += "check of every file by pg_verifybackup, the replay and the promotion."
    return lines


if __name__ == "__main__":
    sys.exit(main())
