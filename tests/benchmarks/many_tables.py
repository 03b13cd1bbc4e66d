# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Backups of databases with very many small tables: many_tables.py [--tables 5000 20000]

Each database is dumped by `pg_dump -Fc`, backed up by us into a directory, and compared with the backup's proof, one
after another on one server. It prints seconds and milliseconds for each table, and fails where our time for a table
grows by more than half from the smallest database to the largest, or by more than that of pg_dump does.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
importlib.import_module("conftest")  # makes the collection importable
import postgres_fixtures
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import proof
from faults import fault_fixtures

GROWTH = 1.5
AT_ONCE = 100
"""Tables that are made in one transaction."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure backups of very many small tables.")
    parser.add_argument("--tables", type=int, nargs="+", default=[5_000, 20_000])
    sizes = sorted(parser.parse_args().tables)
    places = str(64 + max(sizes) // 50)
    server = postgres_fixtures.start_cluster(
        settings={"max_locks_per_transaction": places, "shared_buffers": "'256MB'", "max_wal_size": "'4GB'"}
    )
    try:
        found = [_measured(server, size) for size in sizes]
    finally:
        postgres_fixtures.stop_cluster(server)
    growth = {name: found[-1][name] / found[0][name] for name in found[0]}
    print("growth of the time for a table:", ", ".join(f"{name} {grown:.2f}" for name, grown in growth.items()))
    limit = max(GROWTH, growth["pg_dump -Fc"])
    if slow := [name for name, grown in growth.items() if name != "pg_dump -Fc" and grown > limit]:
        sys.exit(f"grows faster than the number of tables: {', '.join(slow)}")


def _measured(server: postgres_fixtures.Cluster, size: int) -> dict[str, float]:
    """Return the milliseconds for each table of a database of so many."""
    name = server.create(f"tables_{size}")
    for start in range(0, size, AT_ONCE):
        server.execute("".join(map(_table, range(start, min(start + AT_ONCE, size)))), name)
    server.execute("ANALYZE; CHECKPOINT", name)
    spent: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="lifeboat-tables-") as home:
        place = fault_fixtures.make(server, name, Path(home))
        _timed(spent, "pg_dump -Fc", lambda: server.program("pg_dump", "-Fc", f"--file={home}/dump", database=name))
        made = _timed(spent, "backup, counts", lambda: place.back_up(proof="counts"))
        taken = place.find(made).detail()["proof"]
        found = _timed(spent, "proof of a copy", lambda: proof.take(server.login, name, None, "counts", like=taken))
    if different := proof.compare(taken, found):
        sys.exit(f"the database differs from its own proof: {different[0]}")
    each = {what: seconds / size * 1000 for what, seconds in spent.items()}
    told = "; ".join(f"{what} {spent[what]:.1f} s, {each[what]:.2f} ms a table" for what in spent)
    print(f"{size} tables: {told}", flush=True)
    server.drop(name)
    return each


def _timed(spent: dict[str, float], what: str, work: t.Callable[[], t.Any]) -> t.Any:
    began = time.monotonic()
    done = work()
    spent[what] = time.monotonic() - began
    return done


def _table(number: int) -> str:
    return (
        f"CREATE TABLE public.t{number} (id integer PRIMARY KEY, name text NOT NULL, made date);"
        f"CREATE INDEX ON public.t{number} (made);"
        f"INSERT INTO public.t{number} SELECT i, 'row ' || i, '2026-01-01' FROM generate_series(1, 3) i;"
    )


if __name__ == "__main__":
    main()
