# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The database that is measured: several tables of the shapes that applications have, some large, some small, indexed.

A gigabyte of it compresses about as an ordinary application's data does: counters, timestamps, text of repeating
words, JSON, and hashes that do not compress at all.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

ROWS_OF_A_GIGABYTE = {
    "accounts": 1_300_000,
    "events": 1_900_000,
    "lines": 3_400_000,
    "tokens": 900_000,
    "notes": 900_000,
}

TABLES = {
    "accounts": (
        "id bigint, branch integer, balance numeric(14,2), filler text",
        "n, n % 977, (n * 7919 % 10000019) / 100.0, repeat(chr(97 + (n % 26)::int), 40) || n",
    ),
    "events": (
        "id bigint, at timestamptz, kind text, payload jsonb",
        (
            "n, timestamptz '2024-01-01 00:00+00' + n * interval '13 seconds', (ARRAY['view','click','buy','leave'])"
            "[1 + n % 4], jsonb_build_object('session', md5((n / 7)::text), 'page', '/products/' || n % 9973,"
            " 'ms', n * 31 % 4001)"
        ),
    ),
    "lines": (
        "id bigint, product integer, quantity smallint, price numeric(10,2), note text",
        "n, n * 48271 % 60013, 1 + n % 9, (n * 16807 % 99991) / 100.0, CASE WHEN n % 5 = 0 THEN 'gift wrapped' END",
    ),
    "tokens": (
        "id bigint, digest text, issued timestamptz",
        "n, md5(n::text) || md5((n * 3)::text), timestamptz '2025-01-01 00:00+00' + n * interval '40 seconds'",
    ),
    "notes": (
        "id bigint, body text",
        (
            "n, (SELECT string_agg((ARRAY['backup','restore','database','of','the','and','customer','order','shipped',"
            "'late','please','call','again','tomorrow','invoice','paid'])"
            "[1 + (n * (w + 17) * 2654435761 % 65521 % 16)::int], ' ')"
            " FROM generate_series(1, 24) AS w)"
        ),
    ),
}

INDEXES = (
    "ALTER TABLE {table} ADD PRIMARY KEY (id)",
    "CREATE INDEX ON events (at)",
    "CREATE INDEX ON events (kind, at)",
    "CREATE INDEX ON lines (product)",
    "CREATE UNIQUE INDEX ON tokens (digest)",
    "CREATE INDEX ON accounts (branch, balance)",
)

SMALL_TABLES = 60


def fill(execute: Callable[[str], object], gigabytes: float) -> None:
    """Fill the connected, empty database with about `gigabytes` of heap; `execute` runs one statement."""
    execute("SET search_path = public")
    for name, (columns, values) in TABLES.items():
        rows = int(ROWS_OF_A_GIGABYTE[name] * gigabytes)
        execute(f"CREATE TABLE {name} ({columns})")
        execute(f"INSERT INTO {name} SELECT {values} FROM generate_series(1::bigint, {rows}) AS n")
        execute(INDEXES[0].format(table=name))
    for statement in INDEXES[1:]:
        execute(statement)
    for number in range(SMALL_TABLES):
        execute(
            f"CREATE TABLE small_{number} AS SELECT n AS id, md5(n::text) AS word FROM generate_series(1, 500) AS n"
        )
    execute("VACUUM ANALYZE")
    execute("CHECKPOINT")
