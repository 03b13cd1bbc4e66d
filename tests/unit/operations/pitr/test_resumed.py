# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy that was ready takes its place later only where that is as it was, and what was there is kept by its name."""

from __future__ import annotations

import os
import shutil
import types
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import replacing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr import resumed
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.request import PitrRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.staging import Stage

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World

BACKUP = "backup-20261128T123005Z-0123456789abcdef"
NOW = datetime(2026, 11, 28, 12, 30, 5, tzinfo=UTC)


def data(path: Path, control: str, history: int | None = None) -> None:
    for name in ("global", "pg_wal"):
        (path / name).mkdir(parents=True)
    (path / "global/pg_control").write_text(control)
    if history:
        (path / f"pg_wal/{history:08X}.history").touch()


class Interrupted:
    """A recovery that noted its copy as ready, beside a data directory or none."""

    def __init__(self, home: Path, *, old: str = "old", timeline: int | None = 2) -> None:
        self.home, self.place = home, home / "main"
        (home / "state").mkdir()
        repository = types.SimpleNamespace(state_dir=str(home / "state"))
        self.request = PitrRequest(t.cast("t.Any", repository), "main", str(self.place), "postgres", "here")
        object.__setattr__(self.request, "recovery_id", "night-1")
        self.stage = Stage(str(self.place), BACKUP[-16:], self.request.user())
        self.stage.make([])
        shutil.rmtree(self.stage.data)
        data(Path(self.stage.data), "copy", timeline)
        if old:
            data(self.place, old)
        self.kept = replacing.aside(str(self.place), NOW)
        told = {
            "restore": {"backup_id": BACKUP, "new_timeline": timeline, "kept": self.kept or None},
            "summary": "Done.",
        }
        resumed.note(self.request, Outcome(changed=True, facts=told), self.stage)

    def again(self, *, dry_run: bool = False) -> Outcome | None:
        world = types.SimpleNamespace(dry_run=dry_run, now=lambda: NOW.replace(hour=23))
        return resumed.find(self.request, t.cast("World", world))

    def content(self) -> str:
        return (self.place / "global/pg_control").read_text()


@pytest.mark.parametrize("timeline", [2, None])
@pytest.mark.parametrize("old", ["old", ""])
def test_a_copy_that_is_ready_takes_its_place_once(tmp_path: Path, old: str, timeline: int | None) -> None:
    there = Interrupted(tmp_path, old=old, timeline=timeline)
    planned = there.again(dry_run=True)
    assert planned
    assert planned.changed
    assert os.path.exists(there.stage.data)
    ended = there.again()
    assert ended
    assert ended.changed
    assert there.content() == "copy"
    (there.place / "global/pg_control").write_text("it was started")
    again = there.again()
    assert again
    assert not again.changed
    for outcome in (ended, again):
        assert outcome.facts["restore"]["kept"] == (there.kept or None)
    assert not os.path.exists(there.stage.directory)


def test_what_was_kept_is_told_after_a_kill_between_the_two_renames(tmp_path: Path) -> None:
    there = Interrupted(tmp_path)
    there.place.rename(there.kept)
    ended = there.again()
    assert ended
    assert ended.facts["restore"]["kept"] == there.kept
    assert there.content() == "copy"


@pytest.mark.parametrize("timeline", [2, None])
def test_a_kill_after_them_is_found_out(tmp_path: Path, timeline: int | None) -> None:
    there = Interrupted(tmp_path, timeline=timeline)
    replacing.exchange(there.stage.data, str(there.place), there.kept)
    ended = there.again()
    assert ended
    assert not ended.changed
    assert ended.facts["restore"]["kept"] == there.kept


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("old", ["old", ""])
def test_a_server_that_went_on_since_is_not_replaced(tmp_path: Path, old: str, dry_run: bool) -> None:
    there = Interrupted(tmp_path, old=old)
    shutil.rmtree(there.place, ignore_errors=True)
    data(there.place, "went on")
    with pytest.raises(DatabaseError, match=r"the server of .*/main went on since") as caught:
        there.again(dry_run=dry_run)
    assert "use another recovery_id, or remove " in caught.value.remedy
    assert there.content() == "went on"
    Path(caught.value.remedy.removesuffix(".").rpartition(" ")[2]).unlink()
    assert there.again() is None


def test_a_server_that_runs_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Interrupted(tmp_path)
    monkeypatch.setattr(resumed.preparing.LocalServer, "alive", property(lambda _server: True))
    with pytest.raises(DatabaseError, match="is running"):
        there.again()
    assert there.content() == "old"


def test_a_copy_that_another_run_changed_is_none_of_this_one(tmp_path: Path) -> None:
    there = Interrupted(tmp_path)
    Path(there.stage.data, "global/pg_control").write_text("another")
    assert there.again() is None
    assert there.content() == "old"
