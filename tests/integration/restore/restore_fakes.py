# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup held in memory, made by the engine's own dump of a running database, without a store or keys."""

from __future__ import annotations

import dataclasses
import datetime
import subprocess
import time
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    connection,
    detail,
    dump,
    members,
    proof,
    roles,
    server,
    snapshot,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Done, World

Cluster = t.Any

SHOP = """
SET search_path = public;
CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, email text);
INSERT INTO customers SELECT i, 'customer ' || i, md5(i::text) FROM generate_series(1, 5000) i;
CREATE INDEX customers_email ON customers (email);
CREATE TABLE orders (id bigserial PRIMARY KEY, customer bigint NOT NULL REFERENCES customers, total numeric);
ALTER TABLE orders ADD CHECK (total >= 0);
INSERT INTO orders (customer, total) SELECT 1 + i % 5000, i / 7.0 FROM generate_series(1, 9000) i;
CREATE INDEX orders_customer ON orders (customer);
CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY 1;
"""


@dataclasses.dataclass
class Record:
    """As much of a manifest as a restore reads."""

    backup_id: str = "backup-20261121T020000Z-00112233445566aa"
    component: str = "main/shop"
    application: str = "shop"
    kind: str = "logical"
    scope: str = "full"
    reason: str = "manual"
    finished: datetime.datetime = datetime.datetime(2026, 11, 21, 2, 0, tzinfo=datetime.UTC)
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    files: tuple[t.Any, ...] = ()
    plain_size: int = 0
    numbers: tuple[int, ...] = ()

    proof: str = "none"

    def stored_size(self, _number: int) -> int:
        return 0


@dataclasses.dataclass
class Backup:
    """The protocol of catalogue.Backup. `spoil` makes a member end in Tampered, as a stored one would."""

    manifest: Record
    contents: dict[int, bytes]
    details: dict[str, t.Any]
    roles: dict[str, t.Any]
    spoil: int = 0
    block: int = 1 << 20
    reads: list[int] = dataclasses.field(default_factory=list)

    def detail(self) -> dict[str, t.Any]:
        return self.details

    def record(self, name: str) -> dict[str, t.Any]:
        return {"detail": self.details, "globals": self.roles}[name]

    def check_opens(self) -> None:
        pass

    def member(self, number: int, note: t.Callable[[int], None] | None = None) -> t.Iterator[bytes]:
        self.reads.append(number)
        content = self.contents[number]
        for start in range(0, len(content), self.block):
            if note:
                note(self.block)
            yield content[start : start + self.block]
        if number == self.spoil:
            raise Tampered("The member is not as signed.", "Use another backup.")


def world(
    *,
    dry_run: bool = False,
    environ: dict[str, str] | None = None,
    later: datetime.timedelta = datetime.timedelta(),
    record: t.Callable[[Done], None] = lambda _done: None,
) -> World:
    return World(
        now=lambda: datetime.datetime.now(datetime.UTC) + later,
        sleep=time.sleep,
        environ=environ or {},
        dry_run=dry_run,
        record=record,
    )


def back_up(
    cluster: Cluster,
    database: str,
    *,
    level: str = "content",
    threshold: int = 64 << 20,
    jobs: int = 2,
    role: str = "postgres",
) -> Backup:
    """Dump `database` as the engine does, with every table of at least `threshold` bytes as a member of its own."""
    login = cluster.as_role(role)
    programs = server.programs(15, directory=cluster.bin)
    with snapshot.hold(login, database, sleep=lambda _seconds: None) as held:
        planned = members.plan(held.tables, jobs=jobs, threshold=threshold)
        contents: dict[int, bytes] = {}
        for member in planned:
            argv, environment = dump.command(programs, member, held, login, database, environ=cluster.environ)
            contents[member.number] = subprocess.run(argv, env=environment, check=True, capture_output=True).stdout
        taken = proof.take(login, database, held.snapshot_id, level, held.tables, sequences=held.sequences)
        record = detail.describe(held, planned, taken, login=login, database=database, compression="none")
        recorded = roles.read(held.connection)
    versions = {"server": held.server.version, "pg_dump": programs.version}
    manifest = Record(
        component=f"main/{database}",
        versions=versions,
        numbers=tuple(sorted(contents)),
        proof=level,
        plain_size=sum(map(len, contents.values())),
    )
    return Backup(manifest, contents, record, recorded)


def rows(cluster: Cluster, database: str, query: str) -> list[tuple[t.Any, ...]]:
    with connection.connect(cluster.login, database) as session:
        return session.execute(query).fetchall()
