# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a user gets from each module that needs a server: results and diffs are as they are kept in tests/data/results.

One story of a small shop, because most modules show only what others did before them. tests/pinned/golden.py says how
the kept files are written anew.
"""

from __future__ import annotations

import base64
import getpass
import json
import platform
import re
import typing as t
from concurrent.futures import ThreadPoolExecutor

import golden
import modules
import postgres_fixtures
import pytest
import warm
from faults import fault_fixtures
from story import ASKED, Story

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster

SHOP = """
CREATE ROLE reader LOGIN;
CREATE TABLE public.customers (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO public.customers SELECT i, 'customer ' || i FROM generate_series(1, 300) i;
CREATE TABLE public.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer bigint REFERENCES public.customers, cents integer);
INSERT INTO public.orders (customer, cents) SELECT 1 + i % 300, i FROM generate_series(1, 900) i;
CREATE VIEW public.totals AS SELECT customer, sum(cents) AS cents FROM public.orders GROUP BY customer;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader;
"""
NOTES = "CREATE TABLE public.notes AS SELECT i AS id FROM generate_series(1, 50) i"
DAMAGE = "UPDATE public.customers SET name = 'nobody' WHERE id = 7; DELETE FROM public.orders WHERE id > 800"
CHECKS = {
    "checks": [
        {"name": "customers", "query": "SELECT count(*) FROM public.customers", "expect": 300},
        {"query": "SELECT max(cents) FROM public.orders", "minimum": 1},
    ],
    "critical_tables": [{"name": "public.orders", "minimum_rows": 10}],
}
NO_BACKUP = "backup-20260101T000000Z-0123456789abcdef"
MODULES = [
    *("audit_info", "backup_doctor", "backup_info", "backup_log", "backup_mark", "backup_metrics", "backup_verify"),
    *("pg_backup", "pg_basebackup", "pg_databases_info", "pg_pitr", "pg_rescue", "pg_restore", "pg_server_info"),
    *("pg_wal_info", "restore_loan", "restore_validate", "store_retention"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """A server of its own: what other tests left in theirs would show."""
    started = postgres_fixtures.start_cluster(initdb=["--data-checksums"])
    try:
        for name, sql in (("shop", SHOP), ("notes", NOTES), ("history", "")):
            started.create(name)
            started.execute(sql or "SELECT", name)
        yield started
    finally:
        postgres_fixtures.stop_cluster(started)


@pytest.fixture(scope="module")
def told(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The whole story, told once."""
    home = tmp_path_factory.mktemp("results")
    version = str(server.execute("SHOW server_version")[0][0]).split()[0]
    names = {server.directory: "<socket>", str(server.port): "<port>", version: "<version>"}
    with warm.warm(MODULES, home, server.environ) as running:
        story = Shop(home, running, names, server=server)
        for chapter in CHAPTERS:
            chapter(story)
        yield story


class Shop(Story):
    """The story of a shop, whose databases are on a server."""

    def __init__(self, *arguments: t.Any, server: Cluster) -> None:
        super().__init__(*arguments)
        self.server = server
        self.login = {
            "login_unix_socket": server.directory,
            "login_port": server.port,
            "login_user": "postgres",
        }

    @property
    def both(self) -> dict[str, t.Any]:
        return {**self.repository, **self.login}

    @property
    def first(self) -> str:
        """The first backup of the shop."""
        return str(self.results["pg_backup"]["made"]["backup"]["backup_id"])


def looking(story: Shop) -> None:
    options = {**story.login, **story.memory, "application": "shop", "cluster": "main"}
    story.run("pg_databases_info", "found", {**options, "include": ["*", "absent"], "exclude": ["h*"]})
    story.run("pg_databases_info", "unreachable", {**options, "login_port": 1})


def backing_up(story: Shop) -> None:
    one = {**story.both, "login_db": "shop", "proof": "content", **ASKED}
    story.run("pg_backup", "planned", one, check=True)
    story.run("pg_backup", "made", one)
    story.run("pg_backup", "young_enough", {**one, "max_age": "12h"})
    story.run("pg_backup", "absent", {**one, "login_db": "absent"})
    story.run("pg_backup", "too_small", {**one, "min_bytes": "1GiB"})
    story.run("pg_backup", "partial", {**one, "tables": ["public.orders"]})
    several = {**story.both, "databases": ["shop", "notes"], "reason": "scheduled", "jobs": 1}
    story.run("pg_backup", "several_planned", several, check=True)
    # One that is made, one that is young enough, and one that fails.
    story.run("pg_backup", "several", {**several, "databases": ["shop", "notes", "absent"], "max_age": "12h"})
    story.run("pg_backup", "made_again", {**one, "proof": "counts", "reason": "scheduled"})


def proving(story: Shop) -> None:
    story.run("backup_verify", "checked", story.repository, check=True)
    story.run("backup_verify", "opened", {**story.repository, "level": "opens", "cluster": "main", "database": "shop"})
    compared = {**story.both, "login_user": "reader", "database": "shop", "backup": story.first, "target_db": "shop"}
    story.run("restore_validate", "planned", {**compared, **CHECKS}, check=True)
    story.run("restore_validate", "compared", {**compared, **CHECKS, **ASKED})
    scratch = story.home / "scratch"
    scratch.mkdir(mode=0o700)
    alone = {**story.repository, "database": "shop", "scratch_dir": str(scratch)}
    story.run("restore_validate", "scratch", {**alone, **CHECKS, "canaries": True})
    story.server.execute(DAMAGE, "shop")
    story.run("restore_validate", "differs", {**compared, **CHECKS})


def marking(story: Shop) -> None:
    pinned = {**story.repository, "database": "shop", "backup": story.first, "reason": "before the move", **ASKED}
    story.run("backup_mark", "planned", pinned, check=True)
    story.run("backup_mark", "pinned", pinned)
    story.run("backup_mark", "pinned_already", pinned)
    story.run("backup_mark", "held", {**pinned, "kind": "hold"})
    story.run("backup_mark", "released", {**pinned, "kind": "hold", "state": "absent"})
    story.run("backup_mark", "unknown", {**pinned, "backup": NO_BACKUP})


def listing(story: Shop) -> None:
    story.run("backup_info", "all", {**story.repository, "query": "[?scope=='partial'].backup_id"})
    story.run("backup_info", "none", {**story.repository, "cluster": "other"})
    story.run("backup_info", "bad_time", {**story.repository, "as_of": "yesterday"})


def reading_the_server(story: Shop) -> None:
    story.run("pg_server_info", "none", {**story.repository, "cluster": "other"})
    story.run("pg_server_info", "of_no_database", {**story.repository, "cluster": "main", "backup": story.first})
    read = story.modules.run("pg_server_info", {**story.repository, "cluster": "main", "database": "shop"})
    # The rest depends on the major version and on the machine.
    server = read["server"]
    server |= {"major": 0, "version": "<version>", "package": "", "locales": []}
    server["settings"] = {name: server["settings"][name] for name in ("max_connections", "wal_level")}
    story.keep("pg_server_info", "read", {**read, "left_out": read["left_out"][1:]})


def restoring(story: Shop) -> None:
    given = {**story.both, "database": "shop", "backup": story.first, "reason": "orders are gone", **ASKED}
    beside = {**given, "target_db": "shop_copy", "recovery_id": "rehearsal"}
    story.run("pg_restore", "beside_planned", beside, check=True)
    story.run("pg_restore", "beside", beside)
    story.run("pg_restore", "beside_again", beside)
    story.run("pg_restore", "unconfirmed", given)
    confirmed = {**given, "confirm": f"shop@{platform.node()}"}
    story.run("pg_restore", "swap_planned", confirmed, check=True)
    story.run("pg_restore", "swap", confirmed)
    tables = {**given, "target_db": "only_orders", "tables": ["public.orders"]}
    story.run("pg_restore", "tables_planned", tables, check=True)
    story.run("pg_restore", "tables", tables)
    replacing = {**given, "target_db": "shop_copy", "strategy": "in_place", "recovery_id": "in earnest"}
    planned = story.run("pg_restore", "in_place_planned", replacing, check=True)
    story.run("pg_restore", "in_place", {**replacing, "confirm": planned["restore"]["confirm"]})


def lending(story: Shop) -> None:
    server = {name: value for name, value in story.login.items() if name != "login_user"}
    story.server.execute("CREATE ROLE borrower LOGIN CREATEDB")
    loan = {**server, "run": "0123456789abcdef", "directory": str(story.home / "loans"), "patience": "1s"}
    loan |= {"user": getpass.getuser(), "role": "borrower", "postgres_user": "postgres"}
    story.run("restore_loan", "planned", loan, check=True)
    story.run("restore_loan", "nobody_came", loan)
    story.run("restore_loan", "bad_name", {**loan, "run": "../etc"})
    socket = story.home / "loans" / "0123456789abcdef.sock"
    borrowing = {**story.both, "login_user": "borrower", "database": "shop", "target_db": "lent", "loan": str(socket)}
    with ThreadPoolExecutor() as threads:
        lent = threads.submit(modules.run, "restore_loan", {**loan, "patience": "60s"}, story.server.environ)
        fault_fixtures.wait_until(lambda: lent.done() or socket.exists(), "the loan")
        story.run("pg_restore", "with_a_loan", borrowing)
        story.keep("restore_loan", "lent", lent.result())
    story.run("restore_loan", "closed", {**loan, "state": "closed"})


def keeping(story: Shop) -> None:
    policy = {"keep_last": 1, "min_keep": 1, "max_delete_share": 100}
    given = {**story.repository, "cluster": "main", "database": "shop", "policy": policy, **ASKED}
    story.run(
        "backup_mark", "unpinned", {**story.repository, "database": "shop", "backup": story.first, "state": "absent"}
    )
    for _number in range(2):
        story.modules.run("pg_backup", {**story.both, "login_db": "shop"})
    story.run("store_retention", "planned", given, check=True)
    story.run("store_retention", "refused", {**given, "policy": {**policy, "max_delete_share": 1}})
    story.run("store_retention", "deleted", given)
    story.run("store_retention", "deleted_already", given)
    story.run("store_retention", "bad_policy", {**given, "policy": {"dayly": 7}})


def remembering(story: Shop) -> None:
    period = {"period": "2026-01-01..2099-12-31"}
    story.run("audit_info", "all", {**story.memory, **period})
    story.run("audit_info", "cut", {**story.memory, "period": "2025", "known": {"sequence": 99, "hash": "ab" * 32}})
    story.run("audit_info", "bad_period", {**story.memory, "period": "2026-Q9"})
    table = {**story.login, **story.memory, "login_db": "history"}
    story.run("backup_log", "missing", {**table, "create": False})
    story.run("backup_log", "planned", table, check=True)
    story.run("backup_log", "written", table)
    story.run("backup_log", "written_already", table)


def watching(story: Shop) -> None:
    # Not `programs`, which speaks of the PostgreSQL of this machine.
    checks = [
        *("configuration", "connection", "databases", "rights", "libraries", "key_files", "state", "leftovers"),
        *("catalogue", "store", "trust", "signer", "recipients", "backup_age", "restore_tested_age", "last_runs"),
        *("success_rate", "anomalies", "audit_log", "store_space"),
    ]
    doctor = {**story.both, "config_dir": str(story.home / "etc"), "databases": ["shop", "notes", "history", "lost"]}
    limits = {"limits": {"storage_used": 100}}
    story.run("backup_doctor", "told", {**doctor, "checks": checks, "fail_on": "never", **limits})
    story.run("backup_doctor", "failed", {**doctor, "checks": ["backup_age"]})
    files = {"path": str(story.home / "shop.prom")}
    given = {**story.both, **files, "cluster": "main", "databases": ["shop", "notes", "history"]}
    given["config_dir"] = str(story.home / "etc")
    story.run("backup_metrics", "planned", given, check=True)
    story.run("backup_metrics", "written", given)
    story.run("backup_metrics", "bad_path", {**given, "path": str(story.home / "shop.txt")})


def damaging(story: Shop) -> None:
    (stored,) = story.home.glob("store/shop/manifests/main/notes/*.json")
    for lost in story.home.glob(f"store/shop/data/{stored.stem}/0002*"):
        lost.unlink()
    story.run("backup_verify", "damaged", story.repository)
    story.run("backup_info", "damaged", {**story.repository, "cluster": "main", "database": "notes"})


def storing(story: Shop) -> None:
    """What lies where: other hosts, and releases to come, look for it there."""
    (stored,) = story.home.glob("store/shop/manifests/main/notes/*.json")
    payload = json.loads(base64.b64decode(json.loads(stored.read_bytes())["payload"]))
    story.keep("stored", "manifest", payload)
    for place in ("store", "state"):
        names = {str(path.relative_to(story.home)) for path in (story.home / place).rglob("*") if path.is_file()}
        shapes = {re.sub(r"[0-9a-f]{8,}", "<hex>", re.sub(r"backup-\d{8}T\d{6}Z", "<backup>", name)) for name in names}
        story.keep("stored", place, {"names": sorted(shapes)})


def copying(story: Shop) -> None:
    whole = {**story.both, "application": "whole", "wal": "included", "mode": "full", **ASKED}
    story.run("pg_basebackup", "planned", whole, check=True)
    story.run("pg_basebackup", "made", whole)
    story.run("pg_basebackup", "young_enough", {**whole, "max_age": "12h"})
    story.run("pg_basebackup", "no_archive", {**whole, "wal": "archive"})
    story.run("pg_basebackup", "bad_rate", {**whole, "max_rate": "1KiB"})


def recovering(story: Shop) -> None:
    known = {**story.repository, "application": "whole"}
    story.run("pg_wal_info", "of_a_server", {**known, **story.login, "ask_server": True})
    story.run("pg_wal_info", "none", {**known, "cluster": "other"})
    moment = {**known, "data_directory": f"{story.server.directory}/recovered", "target": "immediate", **ASKED}
    story.run("pg_pitr", "planned", moment, check=True)
    story.run("pg_pitr", "recovered", moment)
    story.run("pg_pitr", "unconfirmed", moment)
    story.run("pg_pitr", "bad_time", {**moment, "target": {"time": "2026-11-28 14:05:00"}})
    story.run("pg_pitr", "too_late", {**moment, "target": {"time": "2099-01-01T00:00:00Z"}})
    story.run("pg_pitr", "no_backup", {**moment, "cluster": "other"})


def rescuing(story: Shop) -> None:
    story.server.execute(DAMAGE, "shop")
    tables = {"tables": ["public.orders", "public.customers"]}
    given = {**story.both, "database": "shop", **tables, "os_user": "postgres", **ASKED}
    given["scratch_dir"] = str(story.home / "scratch")
    planned = story.run("pg_rescue", "planned", given, check=True)
    some = {"where": {"public.customers": "id < 10", "orders": "id = 801"}, "show_rows": True}
    story.run("pg_rescue", "some_shown", {**given, **some}, check=True)
    story.run("pg_rescue", "unconfirmed", given)
    moment = {**given, "application": "whole", "target": "immediate"}
    story.run("pg_rescue", "of_a_moment", moment, check=True)
    story.run("pg_rescue", "too_late", {**moment, "target": {"time": "2099-01-01T00:00:00Z"}})
    story.run("pg_rescue", "no_backup", {**moment, "cluster": "other"})
    story.run("pg_rescue", "two_backups", {**moment, "backup": "latest before 2026-11-28T04:00:00Z"})
    confirmed = {**given, "confirm": planned["restore"]["confirm"]}
    story.run("pg_rescue", "done", confirmed)
    story.run("pg_rescue", "done_already", confirmed)
    story.run("pg_rescue", "absent", {**given, "tables": ["public.lost"]})


CHAPTERS = (
    looking,
    backing_up,
    proving,
    marking,
    listing,
    reading_the_server,
    restoring,
    lending,
    keeping,
    remembering,
    watching,
    storing,
    damaging,
    copying,
    recovering,
    rescuing,
)


@pytest.mark.parametrize("module", ["stored", *MODULES])
def test_a_module_gives_what_it_gave(told: Story, module: str) -> None:
    golden.check(module, told.results[module], told.names)
