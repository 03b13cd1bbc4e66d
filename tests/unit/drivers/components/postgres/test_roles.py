# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said when the program that writes the roles down fails."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import roles
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    Login,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import ProcessFailed

if t.TYPE_CHECKING:
    from pathlib import Path


def test_a_failing_pg_dumpall_is_named_with_what_it_said_and_what_to_do(tmp_path: Path) -> None:
    program = tmp_path / "pg_dumpall"
    program.write_text("#!/bin/sh\necho 'permission denied for table pg_authid' >&2\nexit 1\n")
    program.chmod(0o700)
    programs = t.cast("t.Any", type("Programs", (), {"path": staticmethod(lambda name: str(tmp_path / name))})())
    with pytest.raises(ProcessFailed) as caught:
        roles.text(programs, Login(), "shop", passwords=True, environ={"PATH": "/usr/bin:/bin"})
    assert "pg_dumpall ended with status 1: permission denied for table pg_authid" in caught.value.cause
    assert "Run again" in caught.value.remedy
