# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Memory of a backup: memory.py [--gigabytes 5] [--jobs 2] [--compression zstd:3] [--proof counts] [--s3]

Fills a database of that size on a PostgreSQL server of its own, backs it up in a process that is sampled ten times a
second, and ends with 1 when our own process had more than 128 MiB or all processes together more than 256 MiB.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:1] = [str(TESTS), str(TESTS / "integration"), str(TESTS / "benchmarks")]
import conftest  # noqa: F401 - makes the collection importable
import data
import measure
from fixtures_postgres import start_cluster, stop_cluster

if t.TYPE_CHECKING:
    from fixtures_postgres import Cluster

OWN = 128
"""MiB of our own process."""

ALL = 256
"""MiB of it and its children; PostgreSQL's servers are nobody's children here."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the memory of a backup.")
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--compression", default="zstd:3")
    parser.add_argument("--proof", default="counts")
    parser.add_argument("--s3", action="store_true")
    options = parser.parse_args()
    server = start_cluster()
    try:
        with tempfile.TemporaryDirectory(prefix="lifeboat-memory-") as home:
            measured = _measure(server, Path(home), options)
    finally:
        stop_cluster(server)
    print(
        f"{options.gigabytes} GB in {measured.seconds:.1f} s: own {measured.own:.0f} MiB of {OWN}, "
        f"all together {measured.peak:.0f} MiB of {ALL}"
    )
    return 0 if measured.own <= OWN and measured.peak <= ALL else 1


def _measure(server: Cluster, home: Path, options: argparse.Namespace) -> measure.Measured:
    server.create("memory")
    with contextlib.closing(server.connect("memory")) as connection:
        data.fill(connection.execute, options.gigabytes)
    store = _s3() if options.s3 else {"url": f"file://{home}"}
    key = home / "key"
    key.touch(mode=0o600)
    key.write_text(os.urandom(32).hex())
    settings = {
        "store": store,
        "key": str(key),
        "socket": server.directory,
        "port": server.port,
        "database": "memory",
        "backup": {"jobs": options.jobs, "compression": options.compression, "proof": options.proof},
    }
    path = home / "settings.json"
    path.write_text(json.dumps(settings))
    return measure.run([sys.executable, str(TESTS / "benchmarks" / "ours.py"), "backup", str(path)], env=server.environ)


def _s3() -> dict[str, t.Any]:
    from fixtures_s3 import S3, SCRIPT

    subprocess.run([SCRIPT, "start"], stdout=subprocess.DEVNULL, check=True)
    facts: dict[str, t.Any] = json.loads(subprocess.run([SCRIPT, "json"], capture_output=True, check=True).stdout)
    store = S3(**facts, bucket=f"lifeboat-memory-{secrets.token_hex(6)}")
    store.client().create_bucket(Bucket=store.bucket)
    print(f"the bucket {store.bucket} keeps what is stored")
    return {"url": f"s3://{store.bucket}", "endpoint": store.endpoint, "credentials_file": store.credentials_file}


if __name__ == "__main__":
    sys.exit(main())
