# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file with a secret is read when its owner alone may use it, and otherwise nothing of it is."""

from __future__ import annotations

import os
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import private_files
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import KeyRefused, UsageError

if t.TYPE_CHECKING:
    from pathlib import Path


def secret(path: Path, mode: int = 0o600) -> str:
    path.write_bytes(b"secret")
    path.chmod(mode)
    return str(path)


def test_it_is_read_as_far_as_it_is_wanted(tmp_path: Path) -> None:
    path = secret(tmp_path / "a")
    assert private_files.read(path, "The file", 100) == b"secret"
    assert private_files.read(path, "The file", 2) == b"sec"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o660])
def test_one_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret(tmp_path / "a", mode)
    with pytest.raises(UsageError, match=f"^The file is accessible .*{mode:04o}.*chmod 0600 {path}") as caught:
        private_files.read(path, "The file", 100, field="key")
    assert caught.value.details == {"field": "key"}


@pytest.mark.parametrize(("make", "told"), [(os.mkfifo, "not a regular file"), (os.mkdir, "not a regular file")])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make: t.Callable[[Path], None], told: str) -> None:
    make(tmp_path / "a")
    with pytest.raises(KeyRefused, match=told):
        private_files.read(str(tmp_path / "a"), "The file", 100, error=KeyRefused)


def test_a_pipe_is_read_where_it_may_be_one() -> None:
    given, end = os.pipe()
    os.write(end, b"secret")
    os.close(end)
    assert private_files.read(f"/dev/fd/{given}", "The file", 100, piped=True) == b"secret"
    os.close(given)
