# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Hundreds of faults: faults.py [--count 200] [--seed N] [--s3 24] [--writers 0]

`--count` kills on this host, `--s3` cuts and kills against the S3 server of tests/rig/s3, `--writers` backups beside
writers. A PostgreSQL server of its own is started for it. Ends with 1 when anything was not as it must be.
"""

from __future__ import annotations

import argparse
import importlib
import secrets
import sys
import tempfile
import time
from pathlib import Path

# This directory goes: a file of the same name as the package `faults` lies in it.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
importlib.import_module("conftest")  # makes the collection importable
from faults import cuts, fault_fixtures, kills, writers
from postgres_fixtures import Cluster, start_cluster, stop_cluster
from s3_fixtures import own_bucket


def main() -> int:
    parser = argparse.ArgumentParser(description="Strike backups hundreds of times.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--s3", type=int, default=24)
    parser.add_argument("--writers", type=int, default=0)
    options = parser.parse_args()
    wrong: list[str] = []
    server = start_cluster()
    try:
        with tempfile.TemporaryDirectory(prefix="lifeboat-campaign-") as home:
            if options.count:
                wrong += _kills(server, Path(home), options.count, options.seed)
            if options.s3:
                wrong += _cuts(server, Path(home), options.s3, options.seed)
            if options.writers:
                wrong += _writers(server, Path(home), options.writers, options.seed)
    finally:
        stop_cluster(server)
    for what in wrong:
        print(f"WRONG: {what}")
    return 1 if wrong else 0


def _kills(server: Cluster, home: Path, count: int, seed: int) -> list[str]:
    marker = f"marker-{secrets.token_hex(16)}"
    kills.prepare(server, server.create("kills"), marker)
    place = fault_fixtures.make(server, "kills", _directory(home, "kills"), marker=marker)
    struck = kills.strike(place, kills.LOCAL_FAULTS, count, seed, report=_say)
    print(f"kills, seed {seed}: {struck}", flush=True)
    return struck.wrong


def _cuts(server: Cluster, home: Path, count: int, seed: int) -> list[str]:
    marker = f"marker-{secrets.token_hex(16)}"
    cuts.prepare(server, server.create("cuts"), marker)
    with own_bucket() as s3:
        host, _colon, port = s3.endpoint.removeprefix("http://").partition(":")
        proxy = cuts.FaultProxy((host, int(port)))
        place = fault_fixtures.make(server, "cuts", _directory(home, "cuts"), s3.settings("faults"), marker=marker)
        try:
            struck = kills.strike(place, cuts.Cuts(proxy).kinds(), count, seed, report=_say)
        finally:
            proxy.close()
    print(f"cuts, seed {seed}: {struck}", flush=True)
    return struck.wrong


def _writers(server: Cluster, home: Path, count: int, seed: int) -> list[str]:
    writers.prepare(server, server.create("writers"))
    place = fault_fixtures.make(server, "writers", _directory(home, "writers"))
    tally = writers.back_up_beside_writers(place, count, seed, writers=3, report=_say)
    print(f"writers, seed {seed}: {tally}", flush=True)
    return tally.wrong


def _directory(home: Path, name: str) -> Path:
    (home / name).mkdir(mode=0o700)
    return home / name


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
