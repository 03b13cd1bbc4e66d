# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A status file is written for everyone, and only where it belongs, whoever owns its directory."""

from __future__ import annotations

import datetime
import os
import secrets
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.progress import Progress

if t.TYPE_CHECKING:
    from pathlib import Path

    import pytest

NAME = "validate-main%2Fshop.json"


def write(directory: Path) -> None:
    with Progress(str(directory), "validate", "main/shop", lambda: datetime.datetime.now(datetime.UTC)).running():
        pass


def test_others_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write(tmp_path)
    finally:
        os.umask(before)
    assert os.listdir(tmp_path) == [NAME]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o644


def test_a_link_that_waits_for_it_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its maker knows all names that may come, as that of a process."""
    monkeypatch.setattr(secrets, "token_hex", lambda _count: "0")
    (tmp_path / "private").write_text("secret")
    (tmp_path / "private").chmod(0o600)
    (tmp_path / "status").mkdir()
    for name in (NAME, f"{NAME}.0", f"{NAME}.{os.getpid()}"):
        (tmp_path / "status" / name).symlink_to(tmp_path / "private")
    write(tmp_path / "status")
    assert (tmp_path / "private").read_text() == "secret"
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600
