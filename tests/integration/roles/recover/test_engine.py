# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recovery plans, from their simulation to their second run."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import typing as t

import pytest

if t.TYPE_CHECKING:
    from pathlib import Path

    from engine_fixtures import Engine
    from receiver_fixtures import Web


def steps(*, timeout: str) -> list[dict[str, t.Any]]:
    """Return a plan in which steps fail, are tried again, skipped, run side by side, wait, and are too slow."""
    return [
        {"id": "away", "tasks": "note", "hosts": "dead", "on_failure": "continue"},
        {"id": "flaky", "tasks": "flaky", "hosts": "h1:h2", "retries": 1},
        {"id": "never_mind", "tasks": "note", "when": "1 == 2"},
        {
            "parallel": [
                {"id": "left", "tasks": "meet", "vars": {"other": "h2"}},
                {"id": "right", "tasks": "meet", "hosts": "h2", "vars": {"other": "h1"}},
            ]
        },
        {"id": "asked", "tasks": "note", "approval": "Open for writing?"},
        {"id": "slow", "tasks": "slow", "timeout": timeout},
        {"id": "needs", "tasks": "note", "hosts": "localhost", "require": "ready | default(false)"},
    ]


def test_a_recovery_from_its_simulation_to_its_second_run(engine: Engine, web: Web) -> None:
    told: dict[str, t.Any] = {
        "lifeboat_notify": [
            {"name": "dead", "url": f"http://127.0.0.1:{engine.port}/"},
            {"name": "team", "url": web.url, "format": "json"},
        ],
        "lifeboat_notify_attempts": 1,
        "lifeboat_contacts": [{"name": "Alice", "within": "15m"}, {"name": "Bob", "phone": "+49 30 1", "level": 2}],
    }
    engine.write(*steps(timeout="3s"))

    said = engine.run(2, "--check", **told)
    assert "dead cannot be reached." in said
    assert "Nothing was changed or recorded." in said
    assert engine.notes() == []
    assert engine.events() == []
    assert web.heard == []

    said = engine.run(0, **told)
    assert "waits before step asked: Open for writing?" in said
    assert "The channel dead was not notified." in said
    assert engine.events() == [
        "open",
        "told",
        "begin away 1",
        "end away 1 failed",
        "begin flaky 1",
        "end flaky 1 failed",
        "begin flaky 2",
        "end flaky 2 ok",
        "end never_mind 1 skipped",
        "begin left 1",
        "begin right 1",
        "end left 1 ok",
        "end right 1 ok",
        "waiting asked",
        "leave waiting",
    ]
    assert "asked-h1" not in engine.notes()
    started, waits = (heard.json() for heard in web.heard)
    assert [started["event"], waits["event"]] == ["recovery_started", "recovery_waiting"]
    assert "begins. Forecast: " in started["message"]
    assert "escalation" not in started
    assert waits["message"].endswith("of plan ours waits before step asked (Open for writing?).")
    assert waits["escalation"] == ["Call Alice", "If nobody answers within 15 min: Bob (+49 30 1)"]
    assert waits["facts"]["status_page"].endswith("and is being recovered.")
    reports = {path.suffix: path for path in (engine.home / "lifeboat-recoveries").iterdir()}
    assert re.search(rf"The report: .*{reports['.html']}", said), said
    assert "| waits before asked: Open for writing? |" in reports[".md"].read_text()

    said = engine.run(2, lifeboat_approve=["asked"], **told)
    assert re.search(r"^\W*left +ok before ", said, re.MULTILINE), said
    assert "stopped in step slow." in said
    assert engine.events()[15:] == [
        "open", "approve asked", "told", "begin asked 1", "end asked 1 ok", "begin slow 1", "end slow 1 failed",
        "leave failed",
    ]  # fmt: skip

    engine.help()
    engine.write(*steps(timeout="5m"))  # what is not done yet may be changed
    said = engine.run(2, **told)
    assert "It requires ready | default(false), which is false." in said
    assert engine.events()[23:] == [
        "open", "told", "begin slow 1", "end slow 1 ok", "end needs 1 failed", "leave failed",
    ]  # fmt: skip
    failed = web.heard[-1].json()
    assert (failed["event"], failed["escalation"]) == ("recovery_failed", waits["escalation"])
    assert failed["message"].endswith("of plan ours stopped in step needs.")
    assert "ready" not in failed["message"]
    assert "The report: " in said
    assert "| needs | 3/1 |" in reports[".md"].read_text()

    said = engine.run(0, ready=True, **told)
    assert re.search(r"^\W*needs +ok ", said, re.MULTILINE), said
    assert "is finished." in said
    assert engine.events()[29:] == ["open", "told", "begin needs 1", "end needs 1 ok", "close ok"]
    assert "needs-lifeboat-controller" in engine.notes()
    assert [heard.json()["event"] for heard in web.heard[2:]] == [
        *("recovery_started", "recovery_failed") * 2, "recovery_started", "recovery_finished",
    ]  # fmt: skip
    assert web.heard[-1].json()["facts"]["status_page"].startswith("shop works again since")
    ticked = json.loads(reports[".json"].read_text())["checklist"]
    assert [item["text"] for item in ticked if item["done"]] == [
        "Incident documented with start time", "Team notified via emergency contacts", "Affected systems identified",
        "Recovery procedure selected", "Recovery executed",
    ]  # fmt: skip

    said = engine.run(0, ready=True, **told)
    assert "is finished; nothing was changed." in said

    said = engine.run(2, "--check", lifeboat_recovery_id="new", ready=True, **told)
    assert re.search(r"^\W*asked +ok +[0-9.]+ s \(1 run\) ", said, re.MULTILINE), said
    assert "waits for approval: Open for writing?" in said
    assert (len(engine.events()), len(web.heard)) == (34, 8)


def test_a_lost_host_that_does_not_answer_is_named_as_not_fenced(engine: Engine) -> None:
    fence = {"id": "fence_lost", "type": "fence_lost", "hosts": "databases:&lost", "on_failure": "continue"}
    engine.write(fence, {"id": "after", "tasks": "note", "hosts": "databases:&lost"})
    place = {"ansible_connection": "local", "ansible_host": "127.0.0.2"}
    said = engine.run(0, lifeboat_spares={"bare": place}, lifeboat_replace={"dead": "bare"})
    assert "The lost dead does not answer at 127.0.0.1, so it is not fenced (unverified)." in " ".join(said.split())
    assert re.search(r"^\W*fence_lost +failed, accepted ", said, re.MULTILINE), said
    assert engine.events() == [
        "open", "begin fence_lost 1", "end fence_lost 1 failed", "begin after 1", "end after 1 ok", "close ok",
    ]  # fmt: skip
    assert engine.notes() == ["after-dead"]


@pytest.mark.long
def test_a_killed_controller_is_followed_by_the_next_run(engine: Engine) -> None:
    engine.write({"id": "first", "tasks": "note"}, {"id": "slow", "tasks": "slow"}, {"id": "last", "tasks": "note"})
    running = engine.start()
    try:
        _await(engine.home / "notes/at-work", running)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    engine.help()

    said = engine.run(0)

    assert engine.events() == [
        "open", "begin first 1", "end first 1 ok", "begin slow 1",
        "open", "begin slow 1", "end slow 1 ok", "begin last 1", "end last 1 ok", "close ok",
    ]  # fmt: skip
    assert re.search(r"^\W*first +ok before ", said, re.MULTILINE), said


def test_a_host_that_leaves_without_a_word_fails_its_step_and_what_is_hidden_stays_so(engine: Engine) -> None:
    engine.write(
        {"id": "hidden", "tasks": "hidden", "on_failure": "continue"},
        {"id": "silent", "tasks": "silent", "hosts": "h1:h2"},
        {"id": "last", "tasks": "note"},
    )
    said = engine.run(2)
    assert re.search(r"^\W*hidden +failed, accepted .*Task Log in failed", said, re.MULTILINE), said
    assert "sesame" not in engine.written()
    assert "h1: became unreachable, or left the step without a result" in said
    assert "h2: became unreachable, or left the step without a result. Correct" in re.sub(r"\s+", " ", said)
    assert engine.events() == [
        "open", "begin hidden 1", "end hidden 1 failed", "begin silent 1", "end silent 1 failed", "leave failed",
    ]  # fmt: skip
    assert engine.notes() == []


@pytest.mark.parametrize("option", ["--syntax-check", "--list-tasks"])
def test_ansible_looks_at_a_plan_without_running_it(engine: Engine, option: str) -> None:
    engine.write({"id": "first", "tasks": "note"})
    engine.run(0, option)
    assert engine.notes() == []


def test_chosen_steps_leave_the_recovery_incomplete_and_what_cannot_be_told_stops_none(engine: Engine) -> None:
    engine.write({"id": "first", "tasks": "note"}, {"id": "last", "tasks": "note"})
    assert "is incomplete: first did not run." in engine.run(0, "--tags", "step-last")
    assert engine.events() == ["open", "begin last 1", "end last 1 ok", "leave incomplete"]

    away = "{{ lookup('ansible.builtin.file', '/nowhere') }}"
    said = engine.run(0, lifeboat_notify=away, lifeboat_recovery_report=away)
    assert "WARNING: not everybody in lifeboat_notify was told" in said
    assert "WARNING: the report was not written." in said
    assert engine.events()[4:] == ["open", "begin first 1", "end first 1 ok", "close ok"]


REFUSED: dict[str, tuple[dict[str, t.Any], list[str], str]] = {
    "limit": ({"tasks": "note"}, ["--limit", "h1"], "--limit cannot be used"),
    "start": ({"tasks": "note"}, ["--start-at-task", "x"], "--start-at-task cannot be used"),
    "role": ({"role": "no_such_role"}, [], "no_such_role"),
    "module": ({"tasks": "broken"}, [], "no_such_module"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_work_is_refused_before_anything_is_done(engine: Engine, what: str) -> None:
    (engine.home / "recovery/broken.yml").write_text("- name: Do\n  no_such_module:\n    a: 1\n")
    step, arguments, told = REFUSED[what]
    engine.write({"id": "fine", "tasks": "note"}, {"id": "wrong", **step})
    running = engine.start(*arguments)
    said, _none = running.communicate(timeout=60)
    assert running.returncode not in {0, 2}, said
    assert told in said
    assert "TASK [" not in said
    assert engine.events() == []


def _await(path: Path, running: subprocess.Popen[str]) -> None:
    """Wait until a file is there; the program that makes it must not end before."""
    while not path.exists():
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(0.1)
            raise AssertionError(running.communicate()[0])
