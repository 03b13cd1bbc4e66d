# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory that all scratch clusters of a host share."""

from __future__ import annotations

import os
import stat
import tempfile
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import scratch_place

SEVERAL = 4


def test_validations_that_begin_at_once_share_the_directory(monkeypatch: t.Any) -> None:
    """Each of them has looked for it before any makes it."""
    together = threading.Barrier(SEVERAL)
    mkdir = os.mkdir

    def met(path: str, *rest: t.Any) -> None:
        together.wait(10)
        mkdir(path, *rest)

    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(SEVERAL) as pool:  # the path of a socket is short
        parent = Path(place, "clusters")
        monkeypatch.setattr(os, "mkdir", met)
        list(pool.map(scratch_place._make_parent, [str(parent)] * SEVERAL))
        assert stat.S_IMODE(parent.stat().st_mode) == 0o700
