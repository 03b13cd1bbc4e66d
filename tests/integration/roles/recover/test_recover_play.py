# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The default plan brings a damaged database back, and only after somebody confirmed what is replaced."""

from __future__ import annotations

import base64
import json
import re
import shutil
import typing as t

if t.TYPE_CHECKING:
    import subprocess

    from playing import Plays

ROWS = "SELECT count(*) FROM public.t"


def recover(plays: Plays, *arguments: str, playbook: str = "recover") -> subprocess.CompletedProcess[str]:
    """Run the default plan, with a journal in the home of the plays."""
    return plays.run(
        playbook,
        *arguments,
        lifeboat_recovery_report_dest=f"{plays.home}/reports",
        lifeboat_objectives={"database": {"rto": "1h", "rpo": "1d"}},
        lifeboat_recovery_key_file=f"{plays.home}/etc/keys/recovery.key",
        lifeboat_recovery_state_dir=f"{plays.home}/controller",
        lifeboat_history=None,
    )


def test_a_damaged_database_comes_back(plays: Plays) -> None:
    done = plays.run("backup", lifeboat_history=None)
    assert done.returncode == 0, done.stdout
    plays.server.execute("DELETE FROM public.t WHERE id > 10", plays.database)

    done = recover(plays)
    assert done.returncode == 2, done.stdout
    assert f"{plays.database}@db1: these databases contain data, which plan default would replace." in done.stdout, (
        done.stdout
    )
    assert "Nothing was changed." in done.stdout

    done = recover(plays, "--check", "--diff")
    assert done.returncode == 0, done.stdout
    assert re.search(r"restore +ok +1 min \(guess\) ", done.stdout)
    (token,) = set(re.findall(r"lifeboat_confirm=(default-[0-9a-f]{8})", done.stdout))
    assert plays.server.execute(ROWS, plays.database) == [(10,)]

    done = recover(plays, "-e", f"lifeboat_confirm={token}")
    assert done.returncode == 0, done.stdout
    assert plays.server.execute(ROWS, plays.database) == [(100,)]
    assert re.search(r"emergency_backup +ok ", done.stdout)
    assert re.search(r"restore +ok +1 min \(guess\) +\d", done.stdout)
    (journal,) = (plays.home / "controller").glob("recoveries/*/*.jsonl")
    ended = [json.loads(base64.b64decode(json.loads(line)["payload"])) for line in journal.read_text().splitlines()]
    (moved,) = (event["what"]["facts"] for event in ended if event["kind"] == "end" and event["what"]["facts"])
    assert moved["bytes"] > 0
    assert moved["data_milliseconds"] > 0
    assert [entry for entry in plays.entries() if entry[0] != "recovery"] == [
        ("backup", "ok"), ("backup", "ok"), ("restore", "ok"),
    ]  # fmt: skip

    done = recover(plays)
    assert done.returncode == 0, done.stdout
    assert "is finished; nothing was changed." in done.stdout
    assert re.search(r"db1 .*changed=0 ", done.stdout) or "db1" not in done.stdout.partition("PLAY RECAP")[2]

    done = recover(plays, "--check", "-e", "lifeboat_recovery_id=new")
    assert re.search(r"restore +ok +[0-9.]+ s \(1 run\) ", done.stdout), done.stdout

    written = {path.name: path.read_bytes() for path in (plays.home / "reports").iterdir()}
    assert {name.rpartition(".")[2] for name in written} == {"md", "html", "json"}
    done = recover(plays, playbook="recovery_report")
    assert re.search(r"localhost .*changed=0 ", done.stdout), done.stdout

    shutil.rmtree(plays.home / "reports")
    done = recover(plays, "--check", "--diff", playbook="recovery_report")
    assert done.returncode == 0, done.stdout
    assert "+| database | RTO | 1 h |" in done.stdout
    assert not (plays.home / "reports").exists()

    done = recover(plays, playbook="recovery_report")
    assert done.returncode == 0, done.stdout
    assert "Objectives: 2 met. The report: " in done.stdout
    assert re.search(r"localhost .*changed=1 ", done.stdout), done.stdout
    assert {path.name: path.read_bytes() for path in (plays.home / "reports").iterdir()} == written
