# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A shipped plan takes a real server to the second before a mistake where a run says so, and restores where not."""

from __future__ import annotations

import base64
import json
import platform
import re
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from archiving_fixtures import Archiving

TABLE = "SELECT to_regclass('public.orders') IS NOT NULL"


class Mistaken:
    """A server with a base backup and a logical backup, a table, and a moment after which somebody dropped that."""

    def __init__(self, host: Archiving) -> None:
        self.host = host
        told = {"lifeboat_physical": True}
        host.server.execute("CREATE DATABASE shop")
        host.server.execute("CREATE TABLE public.customers AS SELECT generate_series(1, 10) AS id", "shop")
        host.play()
        host.enlist(**told)
        host.play(playbook="physical", **told)
        host.play(playbook="backup", lifeboat_databases=["shop"])
        host.server.execute("CREATE TABLE public.orders AS SELECT generate_series(1, 100) AS id", "shop")
        [[self.moment]] = host.server.execute("SELECT clock_timestamp()::text")
        host.server.execute("DROP TABLE public.orders", "shop")
        self.last = host.segment()
        host.until(f"SELECT last_archived_wal >= '{self.last}' FROM pg_stat_archiver")

    @property
    def data(self) -> str:
        return f"{self.host.server.directory}/data"

    @property
    def target(self) -> dict[str, t.Any]:
        return {"lifeboat_pitr_target": {"time": self.moment}}

    def recover(self, *words: str, status: int = 0, **given: t.Any) -> str:
        """Run the plan for a damaged database, with what is `given` on the command line."""
        server = self.host.server
        control = ["runuser", "-u", "postgres", "--", f"{server.bin}/pg_ctl", "--pgdata", self.data, "-w"]
        own = {
            "pitr_cluster": {"owner": "postgres", "data_dir": self.data, "bin_dir": server.bin},
            "pitr_stop": [*control, "stop", "-m", "fast"],
            "pitr_start": [*control, "start", "-l", f"{server.directory}/log"],
            "lifeboat_plan": "database_corruption",
        }
        return self.host.play(
            *("-e", json.dumps({**own, **given})),
            *words,
            playbook="recover",
            status=status,
            lifeboat_databases=["shop"],
            lifeboat_recovery_state_dir=f"{self.host.home}/controller",
            lifeboat_recovery_report_dest=f"{self.host.home}/reports",
            lifeboat_objectives={"database": {"rpo": "1h"}},
        )

    def kept(self) -> list[str]:
        """Return the data directories that were replaced."""
        return [path.name for path in Path(self.data).parent.glob("data.before-*")]

    def events(self, kind: str) -> list[dict[str, t.Any]]:
        """Return what the journals say of this kind, of the last recovery."""
        journal = max((self.host.home / "controller").glob("recoveries/*/*.jsonl"), key=lambda path: path.name)
        found = [json.loads(base64.b64decode(json.loads(line)["payload"])) for line in journal.read_text().splitlines()]
        return [event["what"] for event in found if event["kind"] == kind]

    def report(self) -> dict[str, t.Any]:
        """Return the last report, as JSON."""
        path = max((self.host.home / "reports").glob("*.json"), key=lambda path: path.name)
        found: dict[str, t.Any] = json.loads(path.read_text())
        return found


@pytest.mark.long
def test_a_plan_takes_a_server_to_the_second_before(archiving: Archiving) -> None:
    there = Mistaken(archiving)
    server = archiving.server

    # Which kind of recovery it is, is said, and nobody gets another one than was asked for.
    said = there.recover("--check", "--diff")
    assert "Databases are restored from logical backups." in said
    assert "has no time zone" in there.recover(status=4, lifeboat_pitr_target={"time": "2026-11-28 14:05:00"})
    assert "no step that recovers a server" in there.recover(status=4, lifeboat_plan="default", **there.target)

    said = there.recover("--check", "--diff", **there.target)
    assert f'Whole servers are recovered to {{"time": "{there.moment}"}}.' in said.replace("\\", "")
    assert there.last in said
    (token,) = set(re.findall(r"lifeboat_confirm=(database_corruption-[0-9a-f]{8})", said))
    assert f"{there.data}@{platform.node()}" in said
    assert f"lifeboat_confirm={token}" in there.recover(status=2, **there.target)
    assert server.execute(TABLE, "shop") == [(False,)]

    # What broke after the server was replaced is mended, and only that is done again which was not done.
    said = there.recover(lifeboat_confirm=token, **there.target, pitr_start=["false"], status=2)
    kept = there.kept()
    assert len(kept) == 1
    said = there.recover()
    assert there.kept() == kept
    assert server.execute(TABLE, "shop") == [(True,)]
    assert server.execute("SELECT count(*) FROM public.orders", "shop") == [(100,)]
    assert "A base backup is due" in said
    (_failed, ended) = [end for end in there.events("end") if end["step"] == "pitr"]
    facts = {name.removeprefix("db1 "): value for name, value in ended["facts"].items()}
    assert facts["component"] == "main/@physical"
    assert facts["log_bytes"] == facts["segments"] * 16 << 20
    assert facts["data_milliseconds"] > 0
    assert facts["log_milliseconds"] > 0
    assert {end["step"]: end["result"] for end in there.events("end")}["restore"] == "skipped"
    # What may be lost counts from the last commit that is there, to the target.
    (judged,) = there.report()["objectives"]
    assert judged["verdict"] == "met"
    assert 0 <= judged["actual_seconds"] < 60

    # Again it changes nothing, and another moment is another recovery.
    assert "is finished; nothing was changed." in there.recover(**there.target)
    said = there.recover("--check", lifeboat_pitr_target="latest")
    assert 'Whole servers are recovered to "latest".' in said.replace("\\", "")
    assert re.search(r"pitr ok [0-9.]+ s \(1 run\)", said), said
