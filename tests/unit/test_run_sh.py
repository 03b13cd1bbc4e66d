# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tests/run.sh, with steps of a few words: two side by side, each told of, and none left running."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import typing as t
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]

STEPS = """
STEPS=(quick broken left right stuck)
about() { echo "what $1 is"; }
needs() { :; }
step_quick() { echo "workers: $WORKERS"; }
step_broken() { echo "a problem"; false; echo "goes on"; }
step_left() { echo "left was here" >meeting; }
step_right() { cat meeting; }
step_stuck() { bash -c 'echo $$ >began; exec cat forever'; }
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project that has nothing but those steps."""
    lib = tmp_path / "tests/lib"
    lib.mkdir(parents=True)
    shutil.copy(TESTS / "run.sh", tmp_path / "tests")
    shutil.copy(TESTS / "lib/common.sh", lib)
    (lib / "steps.sh").write_text(STEPS)
    (lib / "packages.sh").write_text("packages() { :; }\n")
    (lib / "venv.sh").write_text("make_venv() { :; }\n")
    (tmp_path / "id").write_text("#!/bin/sh\necho 0\n")
    (tmp_path / "id").chmod(0o755)
    for name in ("meeting", "began", "forever"):
        os.mkfifo(tmp_path / name)
    return tmp_path


def start(checkout: Path, *steps: str, within: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    environ = {"PATH": f"{checkout}:/usr/bin:/bin", "HOME": str(checkout)}
    return subprocess.Popen(
        [*within, "bash", "tests/run.sh", *steps], cwd=checkout, env=environ, stdout=subprocess.PIPE, text=True
    )


def run(checkout: Path, *steps: str) -> tuple[int, list[str]]:
    running = start(checkout, *steps)
    out, _nothing = running.communicate(timeout=60)
    return running.returncode, out.splitlines()


def words(line: str) -> t.Any:
    """Return a line of the summary without its seconds."""
    step, result, _seconds, _s, *last = line.split()
    return step, result, " ".join(last)


def test_steps_run_side_by_side_and_one_that_fails_stops_no_other(checkout: Path) -> None:
    status, lines = run(checkout, "right", "left", "broken", "quick")  # left and right only end together
    assert status == 1
    assert lines[-1] == "3 passed, 1 failed"
    assert [words(line) for line in lines[-5:-1]] == [
        ("quick", "passed", "workers: 1"),
        ("broken", "FAILED", "a problem"),
        ("left", "passed", ""),
        ("right", "passed", "left was here"),
    ]


def test_a_step_alone_has_both_cores(checkout: Path) -> None:
    status, lines = run(checkout, "quick")
    assert (status, lines[-1]) == (0, "1 passed, 0 failed")
    assert words(lines[-2]) == ("quick", "passed", "workers: 2")


@pytest.mark.parametrize("within", [(), ("env", "--ignore-signal=INT")], ids=["alone", "in the background"])
def test_a_run_that_is_ended_ends_what_it_started(checkout: Path, within: tuple[str, ...]) -> None:
    running = start(checkout, "stuck", within=within)
    process = os.pidfd_open(int((checkout / "began").read_text()))
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == 130
    assert select.select([process], [], [], 60)[0], "the step goes on"
    os.close(process)


def test_an_unknown_step_is_refused_before_anything_runs(checkout: Path) -> None:
    assert run(checkout, "quick", "quack") == (2, [])
    assert run(checkout, "--list")[1][0].split() == ["quick", "what", "quick", "is"]
