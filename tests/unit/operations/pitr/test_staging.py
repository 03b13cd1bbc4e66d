# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server's user, who owns what the copy lies in, leads root neither out of it nor into a copy of his own."""

from __future__ import annotations

import os
import pwd
import shutil
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    recovering_server,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError, StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr import combining
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.staging import Stage

NOBODY = pwd.getpwnam("nobody")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(f"{tmp_path}/main", "0123", recovering_server.Owner(NOBODY.pw_uid, NOBODY.pw_gid))
    made.make([])
    return made


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """What belongs to root, and looks like the copy."""
    for name in ("data", "run", "data/base"):
        (tmp_path / "others" / name).mkdir(parents=True, exist_ok=True)
    return tmp_path / "others"


def owners(path: Path) -> set[int]:
    return {os.lstat(one).st_uid for one in (path, *path.rglob("*"))}


def exchange(stage: Stage, others: Path, which: str) -> None:
    """Put a link to others' files in the place of the copy, or of its data."""
    place = stage.directory if which == "copy" else stage.data
    os.rename(place, f"{others}.away")
    os.symlink(others if which == "copy" else others / "data", place)


@pytest.mark.parametrize("which", ["copy", "data"])
def test_what_a_link_leads_to_is_not_given_away(stage: Stage, others: Path, which: str) -> None:
    exchange(stage, others, which)
    with pytest.raises((StoreError, DatabaseError)):
        stage.give_away(stage.data)
    with pytest.raises((StoreError, DatabaseError)), combining._lent(stage, [], [stage.data]):
        pytest.fail("it was lent")
    assert owners(others) == {0}


def test_what_was_lent_is_taken_back_and_nothing_else(stage: Stage, others: Path) -> None:
    with combining._lent(stage, [], [stage.data]):
        assert os.stat(stage.data).st_uid == NOBODY.pw_uid
        exchange(stage, others, "data")
        shutil.chown(others / "data", NOBODY.pw_uid)
    assert owners(Path(f"{others}.away")) == {0}
    assert os.stat(others / "data").st_uid == NOBODY.pw_uid


def test_a_tree_is_given_away_but_not_what_its_links_lead_to(stage: Stage, others: Path) -> None:
    Path(stage.data, "base").mkdir()
    Path(stage.data, "base/1").touch()
    Path(stage.data, "base/link").symlink_to(others)
    stage.give_away(stage.data)
    assert owners(Path(stage.data)) == {NOBODY.pw_uid}
    assert owners(others) == {0}


def test_files_of_others_are_not_moved_into_the_place_of_a_tablespace(tmp_path: Path, others: Path) -> None:
    stage = Stage(f"{tmp_path}/main", "0123", recovering_server.Owner(NOBODY.pw_uid, NOBODY.pw_gid))
    place = tmp_path / "fast"
    stage.make([str(place)])
    Path(stage.space(str(place))).rmdir()
    Path(stage.space(str(place))).symlink_to(others)
    with pytest.raises(StoreError):
        stage._settle(str(place))
    assert (others / "data/base").is_dir()


@pytest.mark.parametrize("how", ["another's", "a link", "whole of another"])
def test_a_copy_that_root_did_not_make_is_neither_believed_nor_removed(
    stage: Stage, others: Path, how: t.Literal["another's", "a link", "whole of another"]
) -> None:
    whole = Path(stage.directory, "whole")
    whole.touch()
    assert stage.whole
    if how == "a link":
        (others / "whole").touch()
        exchange(stage, others, "copy")
    else:
        shutil.chown(whole if how == "whole of another" else stage.directory, NOBODY.pw_uid)
    assert not stage.whole
    for refused in (stage.require_own, lambda: stage.make([])):
        with pytest.raises(
            DatabaseError, match=r"main\.lifeboat-0123 is in the place of the copy, and no recovery made"
        ):
            refused()
    assert whole.exists()
