# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Compares our backup and restore with their peers, in one run on one machine, and writes docs/benchmarks.md.

    tests/benchmarks/run.py [--gigabytes 1.6] [--rounds 3] [--write]

Every round runs all contenders one after another against one server and one real S3 server; the medians count.
Needs root, PostgreSQL's server package, zstd, gpg, openssl, tar, and the S3 server of tests/rig/s3.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]
importlib.import_module("conftest")  # makes the collection importable
import data
import measure
import page
import peers
import postgres_fixtures
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    members,
    snapshot,
)

JOBS = 2
DATABASE = "bench"
BUCKET = "lifeboat-bench"

HEADINGS = ("Backup", "Restore", "Where the time goes")
OURS = {
    "floor": "the same members through `zstd -3` to a local file, unencrypted, without upload",
    "ours": "dump, zstd -3, AES-256-GCM, upload, all streaming; proof of all counts",
    "ours, no proof": "the same without a proof",
    "ours, content proof": "the same with a hash of every row of every table",
    "ours, to a directory": "without a proof, to a local directory: what the floor does, encrypted",
}
RESTORES = {
    "pg_restore -j2": peers.RESTORE[0],
    "our restore": "from S3: download, decrypt, decompress, load, build, compare every row's hash, ANALYZE",
    "our restore, not compared": "the same without the comparison, but with ANALYZE",
}
WHERE = (
    "Where the cores are busy nearly all of the time, whoever needs more of them takes longer. A backup adds to the "
    "floor what the S3 server and the proof need; with the store on another machine the former goes away. A restore is "
    "mostly PostgreSQL's own work, which is the same for everybody."
)


@dataclasses.dataclass
class Bench:
    """One run: a server with the measured database, a store, and a directory for what the peers leave."""

    cluster: postgres_fixtures.Cluster
    s3: dict[str, str]
    work: Path
    memory: Path

    @property
    def environ(self) -> dict[str, str]:
        environ = {key: value for key, value in os.environ.items() if not key.endswith("CA_BUNDLE")}
        return {
            **environ,
            "PATH": f"{self.cluster.bin}:/usr/bin:/bin",
            "PGHOST": self.cluster.directory,
            "PGPORT": str(self.cluster.port),
            "PGUSER": "postgres",
            "PGDATABASE": DATABASE,
            "TARGET": f"{DATABASE}_peer",
            "MEMORY": str(self.memory),
            "AWS_SHARED_CREDENTIALS_FILE": self.s3["credentials_file"],
            "AWS_DEFAULT_REGION": self.s3["region"],
            "UPLOAD": " ".join((sys.executable, str(self.work / "client.py"), self.s3["endpoint"], BUCKET)),
        }

    def shell(self, script: str) -> measure.Measured:
        """Run a peer in a clean directory, and take away what it left."""
        place = self.work / "place"
        place.mkdir()
        shutil.copy(self.work / "key", place / "key")
        try:
            return measure.run(["bash", "-o", "pipefail", "-euc", f"cd {place} && {script}"], env=self.environ)
        finally:
            shutil.rmtree(place)
            for left in self.memory.iterdir():
                shutil.rmtree(left)

    def bucket(self) -> dict[str, str]:
        return {
            "url": f"s3://{BUCKET}/{self.work.name}",
            "endpoint": self.s3["endpoint"],
            "region": self.s3["region"],
            "credentials_file": self.s3["credentials_file"],
        }

    def ours(self, what: str, store: dict[str, str], **options: t.Any) -> measure.Measured:
        """Run our backup or restore as a process of its own."""
        settings = {
            "store": store,
            "key": str(self.work / "key"),
            "socket": self.cluster.directory,
            "port": self.cluster.port,
            "database": DATABASE,
            what: options,
        }
        path = self.work / "settings.json"
        path.write_text(json.dumps(settings), encoding="utf-8")
        return measure.run([sys.executable, str(HERE / "ours.py"), what, str(path)], env=self.environ)

    def forget(self, *databases: str) -> None:
        for name in databases:
            self.cluster.drop(name)
        self.cluster.execute("CHECKPOINT")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="lifeboat-bench-"))
    memory = Path(tempfile.mkdtemp(prefix="lifeboat-bench-", dir="/dev/shm"))
    cluster = postgres_fixtures.start_cluster(
        settings={"shared_buffers": "'512MB'", "max_wal_size": "'4GB'", "wal_level": "replica"}
    )
    try:
        bench = Bench(cluster, _store(), work, memory)
        _prepare(bench, options.gigabytes)
        results = _measure(bench, options.rounds)
        size = int(cluster.execute(f"SELECT pg_database_size('{DATABASE}')")[0][0])
        report = _report(results, size, options.rounds, _version(cluster))
        print("\n\n".join(report.values()))
        if options.write:
            page.write(report)
    finally:
        postgres_fixtures.stop_cluster(cluster)
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(memory, ignore_errors=True)


def _store() -> dict[str, str]:
    script = str(ROOT / "tests" / "rig" / "s3" / "s3.sh")
    subprocess.run([script, "start"], check=True, stdout=subprocess.DEVNULL)
    return t.cast(
        "dict[str, str]", json.loads(subprocess.run([script, "json"], check=True, capture_output=True).stdout)
    )


def _prepare(bench: Bench, gigabytes: float) -> None:
    for name, content in (("key", os.urandom(32).hex()), ("client.py", peers.CLIENT)):
        path = bench.work / name
        path.write_text(content, encoding="utf-8")
        path.chmod(0o600)
    subprocess.run(bench.environ["UPLOAD"].split(), check=True, env=bench.environ)
    bench.cluster.create(DATABASE)
    with bench.cluster.connect(DATABASE) as connection:
        data.fill(connection.execute, gigabytes)


def _measure(bench: Bench, rounds: int) -> dict[str, list[measure.Measured]]:
    found: dict[str, list[measure.Measured]] = {}

    def note(name: str, measured: measure.Measured) -> None:
        cpu = f"{measured.cpu:.1f} s CPU of {measured.machine:.1f}"
        print(f"{name}: {measured.seconds:.1f} s, {cpu}, {measured.peak:.0f} MiB", flush=True)
        found.setdefault(name, []).append(measured)

    for _round in range(rounds):
        for name, (_description, script) in peers.BACKUPS.items():
            note(name, bench.shell(script))
        note("floor", bench.shell(peers.floor("pg_dump", _member_arguments(bench), JOBS)))
        for name, proof in (("ours", "counts"), ("ours, no proof", "none"), ("ours, content proof", "content")):
            note(name, bench.ours("backup", bench.bucket(), jobs=JOBS, proof=proof))
        directory = bench.work / "store"
        directory.mkdir()
        note("ours, to a directory", bench.ours("backup", {"url": f"file://{directory}"}, jobs=JOBS, proof="none"))
        shutil.rmtree(directory)
    archive = bench.work / "dump.custom"
    bench.cluster.program("pg_dump", "-Fc", "-f", str(archive), database=DATABASE)
    for _round in range(rounds):
        bench.cluster.create(f"{DATABASE}_peer")
        note("pg_restore -j2", bench.shell(peers.RESTORE[1].replace("dump.custom", str(archive))))
        bench.forget(f"{DATABASE}_peer")
        for name, compared in (("our restore", True), ("our restore, not compared", False)):
            note(
                name, bench.ours("restore", bench.bucket(), target_db=f"{DATABASE}_ours", jobs=JOBS, validate=compared)
            )
            bench.forget(f"{DATABASE}_ours")
    return found


def _member_arguments(bench: Bench) -> list[list[str]]:
    """Return pg_dump's arguments for the members that our own backup makes, the largest first."""
    with bench.cluster.connect(DATABASE) as connection:
        planned = members.plan(snapshot.read_tables(connection), jobs=JOBS)
    arguments = []
    for member in sorted(planned, key=lambda member: -member.estimate):
        sections = ("pre-data", "post-data") if member.role == "schema" else ("data",)
        chosen = ["-Fc", "-Z0", *(f"--section={section}" for section in sections)]
        chosen += [f"--table='{table.label}'" for table in member.tables if member.role == "table"]
        chosen += [f"--exclude-table-data='{table.label}'" for table in member.excluded]
        arguments.append(chosen)
    return arguments


def _version(cluster: postgres_fixtures.Cluster) -> str:
    return str(cluster.execute("SHOW server_version")[0][0]).split(" ", maxsplit=1)[0]


def _report(results: dict[str, list[measure.Measured]], size: int, rounds: int, version: str) -> dict[str, str]:
    """Return the parts of the page, by their headings."""
    median = {name: statistics.median(item.seconds for item in items) for name, items in results.items()}
    described = {name: description for name, (description, _script) in peers.BACKUPS.items()} | OURS
    backup = [
        page.made_by("benchmarks/run.py", f"a database of {size / 1e9:.2f} GB with indexes, PostgreSQL {version}")
        + f" Rounds: {rounds}; seconds are medians. CPU is that of the client's processes, and of the whole machine "
        "with the servers; memory is the proportional set size of the client's at the peak.",
        "",
        "| contender | what it does | seconds | against ours | CPU s | machine CPU s | peak MiB |",
        "|---|---|---|---|---|---|---|",
        *(_row(name, text, results[name], median[name] / median["ours"]) for name, text in described.items()),
        "",
        _memory(results["ours"]),
        "",
        _aims(median),
    ]
    peer = median["pg_restore -j2"]
    restore = [
        "| contender | what it does | seconds | against pg_restore | CPU s | machine CPU s | peak MiB |",
        "|---|---|---|---|---|---|---|",
        *(_row(name, description, results[name], median[name] / peer) for name, description in RESTORES.items()),
        "",
        f"Target: at most 0.9 of pg_restore (measured: {median['our restore, not compared'] / peer:.2f}).",
    ]
    busy = ["floor", "ours, to a directory", "ours, no proof", "ours", "pg_restore -j2", "our restore, not compared"]
    shares = [_shares(name, results[name]) for name in busy]
    where = [WHERE, "", *shares]
    return {title: "\n".join(lines) for title, lines in zip(HEADINGS, (backup, restore, where), strict=True)}


def _aims(median: dict[str, float]) -> str:
    ours = median["ours"]
    return (
        f"Targets: 5 times as fast as step by step (measured: {median['step by step'] / ours:.2f}), twice as fast as "
        f"directory (measured: {median['directory'] / ours:.2f}), at most 1.10 of the floor "
        f"(measured: {ours / median['floor']:.2f})."
    )


def _row(name: str, description: str, items: list[measure.Measured], ratio: float) -> str:
    seconds = sorted(item.seconds for item in items)
    cpu = statistics.median(item.cpu for item in items)
    machine = statistics.median(item.machine for item in items)
    peak = max(item.peak for item in items)
    shown = f"{statistics.median(seconds):.1f} ({seconds[0]:.1f} to {seconds[-1]:.1f})"
    return f"| {name} | {description} | {shown} | {ratio:.2f} | {cpu:.1f} | {machine:.1f} | {peak:.0f} |"


def _shares(name: str, items: list[measure.Measured]) -> str:
    """Say how busy the cores were, and with whose work: where they are all busy, seconds follow CPU time."""
    seconds, cpu, machine = (
        statistics.median(values) for values in zip(*((i.seconds, i.cpu, i.machine) for i in items), strict=True)
    )
    busy = 100 * machine / (seconds * (os.cpu_count() or 1))
    return (
        f"- {name}: the cores were busy for {busy:.0f} % of the time, {cpu:.1f} s with the client's work and "
        f"{machine - cpu:.1f} s with that of PostgreSQL, the store and the kernel."
    )


def _memory(items: list[measure.Measured]) -> str:
    own, together = max(item.own for item in items), max(item.peak for item in items)
    return f"Our own process had at most {own:.0f} MiB, all our processes together {together:.0f} MiB."


if __name__ == "__main__":
    main()
