# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a recovery is written once, for its owner alone, from what the store or this host knows."""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    NotFound,
    StoreError,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.recover.reporting import (
    ReportRequest,
    report,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import objectives
from recovery_fixtures import STEPS, controller

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome
    from recovery_fixtures import Controller
    from sample_host import SampleHost


def written(by: Controller, dest: Path, *, dry_run: bool = False, **options: t.Any) -> Outcome:
    wanted = objectives.parse({"main/shop": {"rto": "1h", "rpo": "1s"}})
    request = ReportRequest(by.settings, str(dest), objectives=wanted, **options)
    return report(request, dataclasses.replace(by.world, dry_run=dry_run))


def recovered(by: Controller) -> str:
    by.open()
    by.done(*STEPS)
    by.close()
    return by.recovery_id


def test_a_report_is_written_once_and_for_its_owner_alone(here: Controller, tmp_path: Path) -> None:
    identity, dest = recovered(here), tmp_path / "made" / "here"
    planned = written(here, dest, dry_run=True)
    assert planned.changed
    assert planned.after.startswith("# Recovery recovery-")
    assert not dest.parent.exists()
    first = written(here, dest)
    assert (first.changed, first.after) == (True, planned.after)
    files = [Path(path) for path in first.facts["paths"]]
    assert [path.name for path in files] == [f"{identity}.{ending}" for ending in ("md", "html", "json")]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert [one["verdict"] for one in first.facts["objectives"]] == ["met", "missed"]
    content = [path.read_bytes() for path in files]
    assert not written(here, dest).changed
    files[0].chmod(0o644)
    assert written(here, dest).changed
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert [path.read_bytes() for path in files] == content


def test_what_people_wrote_is_kept(here: Controller, tmp_path: Path) -> None:
    here.open()
    paths = [Path(path) for path in written(here, tmp_path).facts["paths"]]
    for path, old in zip(paths, ("\n## Root cause\n", "\n<h2>Root cause</h2>\n"), strict=False):
        path.write_text(path.read_text().replace(old, f"{old}\nThe disk of db1 – dead.\n"))
    here.done(*STEPS)
    here.close()
    assert written(here, tmp_path).changed
    for path in paths[:2]:
        text = path.read_text()
        assert text.count("The disk of db1 – dead.") == 1
        assert text.count("Root cause") == 1
        assert "is finished" in text
    assert not written(here, tmp_path).changed


def test_the_newest_is_reported_unless_another_is_named(sample: SampleHost, here: Controller, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no recovery of shop"):
        written(here, tmp_path)
    first = recovered(here)
    sample.now += datetime.timedelta(hours=1)
    here.open(recovery_id="new")
    there = controller(sample, "there")
    drill = there.open(mode="drill")["id"]
    assert written(there, tmp_path, formats=("json",)).facts["recovery_id"] == here.recovery_id
    assert written(there, tmp_path, formats=("json",), recovery_id=first).facts["recovery_id"] == first
    assert written(here, tmp_path, formats=("json",), mode="drill").facts["recovery_id"] == drill
    assert written(here, tmp_path, recovery_id=drill).facts["recovery_id"] == drill
    assert json.loads((tmp_path / f"{drill}.json").read_text())["recovery"]["mode"] == "drill"
    with pytest.raises(UsageError, match="is not the id of a recovery"):
        written(here, tmp_path, recovery_id="../../etc/passwd")
    with pytest.raises(UsageError, match="formats is empty"):
        written(here, tmp_path, formats=())


def test_one_that_cannot_be_believed_is_passed_over(sample: SampleHost, here: Controller, tmp_path: Path) -> None:
    identity = recovered(here)
    folder = next(path for path in (sample.home / "store").rglob(identity))
    false = folder.with_name("recovery-20991231T000000Z-0000000000000000")
    false.mkdir()
    for event in folder.iterdir():
        (false / event.name).write_bytes(event.read_bytes())
    outcome = written(here, tmp_path)
    assert outcome.facts["recovery_id"] == identity
    assert [warning.partition(":")[0] for warning in outcome.warnings] == [f"{false.name} was passed over"]


def test_without_its_store_a_host_reports_what_it_knows(sample: SampleHost, here: Controller, tmp_path: Path) -> None:
    identity = recovered(here)
    (sample.home / "store").rename(sample.home / "away")
    assert written(here, tmp_path).facts["recovery_id"] == identity
    with pytest.raises(StoreError):
        written(controller(sample, "there"), tmp_path)
