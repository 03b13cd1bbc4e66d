# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings something to watch, the rules that the role writes, and programs that end with their test."""

from __future__ import annotations

import contextlib
import subprocess
import typing as t

import pytest
from running import play
from sample_host import SampleHost

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sample(tmp_path: Path) -> SampleHost:
    (tmp_path / "sample").mkdir()
    return SampleHost(tmp_path / "sample")


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rules with the default thresholds, as the role writes them."""
    place = tmp_path_factory.mktemp("rules")
    play(place, "server", lifeboat_prometheus_rules_dir=str(place / "rules"))
    return place / "rules" / "lifeboat-shop.yml"


@pytest.fixture
def start() -> t.Iterator[t.Callable[..., subprocess.Popen[bytes]]]:
    """Yield a function that starts a program; it ends with the test."""
    with contextlib.ExitStack() as stack:

        def begin(*argv: str, log: Path) -> subprocess.Popen[bytes]:
            with log.open("wb") as output:
                process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            stack.callback(process.wait)
            stack.callback(process.kill)
            with contextlib.suppress(subprocess.TimeoutExpired):
                # A bad option ends it at once, and its words are better than a wait for nothing.
                process.wait(0.3)
                raise AssertionError(log.read_text())
            return process

        yield begin
