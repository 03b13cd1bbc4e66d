# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Memory of a backup and of a restore: memory.py [--gigabytes 5] [--jobs 2] [--compression zstd:3] [--proof counts] [--s3]

Fills a database of that size on a PostgreSQL server of its own, backs it up and restores it in processes that are
sampled ten times a second, and ends with 1 when our own process had more than 128 MiB or all together more than 256.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
import tempfile
import typing as t
from pathlib import Path

# This directory goes: a file of the same name as the package `faults` lies in it.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
importlib.import_module("conftest")  # makes the collection importable
import data
import measure
from postgres_fixtures import start_cluster, stop_cluster
from s3_fixtures import own_bucket

if t.TYPE_CHECKING:
    from postgres_fixtures import Cluster

TESTS = Path(__file__).resolve().parents[1]

OWN = 128
"""MiB of our own process."""

ALL = 256
"""MiB of it and its children; PostgreSQL's servers are nobody's children here."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the memory of a backup and of a restore.")
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--compression", default="zstd:3")
    parser.add_argument("--proof", default="counts")
    parser.add_argument("--s3", action="store_true")
    options = parser.parse_args()
    server = start_cluster()
    try:
        with tempfile.TemporaryDirectory(prefix="lifeboat-memory-") as home:
            results = _measure(server, Path(home), options)
    finally:
        stop_cluster(server)
    for what, measured in results.items():
        print(
            f"{what} of {options.gigabytes} GB in {measured.seconds:.1f} s: own {measured.own:.0f} MiB of {OWN}, "
            f"all together {measured.peak:.0f} MiB of {ALL}"
        )
    return 0 if all(each.own <= OWN and each.peak <= ALL for each in results.values()) else 1


def _measure(server: Cluster, home: Path, options: argparse.Namespace) -> dict[str, measure.Measured]:
    server.create("memory")
    with contextlib.closing(server.connect("memory")) as connection:
        data.fill(connection.execute, options.gigabytes)
    key = home / "key"
    key.touch(mode=0o600)
    key.write_text(os.urandom(32).hex())
    path = home / "settings.json"
    work: dict[str, dict[str, t.Any]] = {
        "backup": {"jobs": options.jobs, "compression": options.compression, "proof": options.proof},
        "restore": {"jobs": options.jobs, "target_db": "memory_back"},
    }
    results = {}
    with _store(home, s3=options.s3) as store:
        for what, how in work.items():
            settings = {
                "store": store,
                "key": str(key),
                "socket": server.directory,
                "port": server.port,
                "database": "memory",
                what: how,
            }
            path.write_text(json.dumps(settings))
            argv = [sys.executable, str(TESTS / "benchmarks" / "ours.py"), what, str(path)]
            results[what] = measure.run(argv, env=server.environ)
    return results


@contextlib.contextmanager
def _store(home: Path, *, s3: bool) -> t.Iterator[dict[str, t.Any]]:
    if not s3:
        yield {"url": f"file://{home}"}
        return
    with own_bucket() as bucket:
        settings = bucket.settings("memory")
        yield {"url": settings.url, "endpoint": settings.endpoint, "credentials_file": settings.credentials_file}


if __name__ == "__main__":
    sys.exit(main())
