# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pieces of work run side by side in processes of their own; none is lost, and none is left."""

from __future__ import annotations

import datetime
import os
import select
import signal
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import children
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.children import Piece


def now():
    return datetime.datetime.now(datetime.UTC)


def run(pieces, places=2, **more):
    """Run, and give the ends in the order in which they came."""
    ends = []
    children.side_by_side(pieces, places, ends.append, now=now, **more)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    return ends


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Whatever threads other tests left in this process, they are not in the way."""
    monkeypatch.setattr(children, "_threads", lambda: 1)


class Meeting:
    """Somebody leaves only when somebody else has come: only pieces that run at the same time get through."""

    def __init__(self):
        self.pipes = [os.pipe(), os.pipe()]

    def attend(self, own, other):
        os.write(self.pipes[own][1], b"x")
        ready, _write, _other = select.select([self.pipes[other][0]], [], [], 30)
        return bool(ready)


def test_an_answer_comes_back_as_it_was_given():
    answer = {"text": "a\nb\udcfc", "list": [1, 2.5, None, True]}
    [end] = run([Piece("a", 1, lambda: answer)])
    assert (end.answer, end.piece.name, end.asked, end.raised, end.killed) == (answer, "a", "", "", "")


def test_a_large_answer_comes_whole():
    [end] = run([Piece("a", 1, lambda: "x" * (5 << 20))])
    assert end.answer == "x" * (5 << 20)


def test_an_answer_without_end_is_none(monkeypatch):
    monkeypatch.setattr(children, "LARGEST", 1 << 16)
    [end] = run([Piece("a", 1, lambda: "x" * (5 << 20))])
    assert (end.answer, end.killed) == (None, "SIGKILL")


def test_pieces_run_at_the_same_time_as_there_are_places():
    meeting = Meeting()
    ends = run([Piece("a", 1, lambda: meeting.attend(0, 1)), Piece("b", 1, lambda: meeting.attend(1, 0))])
    assert {end.piece.name: end.answer for end in ends} == {"a": True, "b": True}


def test_a_piece_that_takes_all_places_runs_alone_and_nothing_overtakes_it():
    most = []
    names = ["small", "large", "other", "last"]
    pieces = [Piece(name, 2 if name == "large" else 1, time.monotonic) for name in names]
    ends = run(pieces, watch=lambda running: most.append(set(running)))
    assert max(map(len, most)) <= 2
    assert all(running == {"large"} for running in most if "large" in running)
    assert [end.piece.name for end in ends][:2] == ["small", "large"]


def test_a_piece_that_wants_more_places_than_there_are_runs_all_the_same():
    assert [end.answer for end in run([Piece("a", 5, lambda: 1), Piece("b", 1, lambda: 2)], places=1)] == [1, 2]


def test_what_a_piece_raises_is_told_with_its_traceback_and_the_others_go_on():
    def fail():
        raise KeyError("nothing")

    ends = {end.piece.name: end for end in run([Piece("a", 1, fail), Piece("b", 1, lambda: 1)])}
    assert (ends["a"].raised, ends["a"].answer, ends["b"].answer) == ("KeyError", None, 1)
    assert "in fail" in ends["a"].traceback


def test_a_piece_that_is_killed_is_told_and_the_others_go_on():
    ends = {
        end.piece.name: end
        for end in run([Piece("a", 1, lambda: os.kill(os.getpid(), signal.SIGKILL)), Piece("b", 1, lambda: 1)])
    }
    assert (ends["a"].killed, ends["a"].answer, ends["b"].answer) == ("SIGKILL", None, 1)


def test_a_process_that_ends_without_a_word_has_failed():
    [end] = run([Piece("a", 1, lambda: os._exit(3))])
    assert (end.raised, end.answer) == ("RuntimeError", None)
    assert "ended with status 3 and" in end.traceback


def test_nothing_of_the_parents_clean_up_runs_in_a_child(tmp_path):
    try:
        [end] = run([Piece("a", 1, lambda: 1)])
    finally:
        with open(tmp_path / "cleaned", "a", encoding="ascii") as file:
            file.write("x")
    assert end.answer == 1
    assert (tmp_path / "cleaned").read_text() == "x"


@pytest.fixture
def threaded(monkeypatch):
    monkeypatch.undo()
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    yield
    end.set()
    thread.join()


@pytest.mark.usefixtures("threaded")
def test_a_process_with_threads_is_not_forked_and_does_it_all_by_itself():
    def fail():
        raise KeyError("nothing")

    made, failed = run([Piece("a", 1, lambda: {"pid": os.getpid(), "texts": ("a",)}), Piece("b", 1, fail)])
    assert made.answer == {"pid": os.getpid(), "texts": ["a"]}
    assert (failed.raised, failed.answer) == ("KeyError", None)
    assert "in fail" in failed.traceback


@pytest.mark.usefixtures("threaded")
def test_a_process_with_threads_that_is_ended_does_not_go_on():
    def work():
        raise KeyboardInterrupt

    ends = []
    with pytest.raises(KeyboardInterrupt):
        children.side_by_side([Piece("a", 1, work), Piece("b", 1, work)], 2, ends.append, now=now)
    assert [(end.piece.name, end.asked) for end in ends] == [("a", "KeyboardInterrupt")]


PROGRAM = """
import datetime, os, signal, sys, time
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import children

class Ended(BaseException):
    pass

def end(number, _frame):
    for each in children.ENDINGS:
        signal.signal(each, signal.SIG_IGN)
    raise Ended(signal.Signals(number).name)

for number in children.ENDINGS:
    signal.signal(number, end)

def work(name):
    try:
        os.write(1, f"{name} {os.getpid()}\\n".encode())
        while True:  # a signal that comes just before a sleep is looked at after it
            time.sleep(0.05)
    finally:
        os.write(1, f"{name} undone\\n".encode())

def told(end):
    os.write(1, f"{end.piece.name} ended by {end.asked}\\n".encode())

pieces = [children.Piece(name, 1, lambda name=name: work(name)) for name in ("a", "b", "c")]
try:
    children.side_by_side(pieces, 2, told, now=lambda: datetime.datetime.now(datetime.UTC))
except Ended as exc:
    os.write(1, f"parent ended by {exc}\\n".encode())
"""


class Running:
    """The program above, once two of its pieces run."""

    def __init__(self):
        environ = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
        self.process = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environ, stdout=subprocess.PIPE, text=True)
        self.pids = dict(self.process.stdout.readline().split() for _piece in range(2))

    def rest(self):
        """Wait until nobody holds the output any more, the children as little as the parent, and give it."""
        lines = self.process.stdout.read().splitlines()
        self.process.wait(30)
        for pid in self.pids.values():
            wait_for_end(int(pid))
        return sorted(lines)


def wait_for_end(pid):
    """Wait until a process has ended, whoever is to collect it."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ready, _write, _other = select.select([handle], [], [], 30)
    os.close(handle)
    assert ready, f"process {pid} lives"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_whoever_ends_the_parent_ends_the_children_which_take_back_what_they_began(number):
    running = Running()
    running.process.send_signal(number)
    assert running.rest() == [
        "a ended by SIGTERM",
        "a undone",
        "b ended by SIGTERM",
        "b undone",
        f"parent ended by {number.name}",
    ]


def test_children_take_back_what_they_began_and_end_when_the_parent_is_killed():
    running = Running()
    running.process.kill()
    assert running.rest() == ["a undone", "b undone"]


def test_a_parent_that_died_before_its_child_could_ask_to_be_told_has_no_child(monkeypatch):
    monkeypatch.setattr(os, "getppid", lambda: 1)
    [end] = run([Piece("a", 1, lambda: 1)])
    assert end.answer is None


def test_one_child_that_is_asked_to_end_ends_alone():
    running = Running()
    os.kill(int(running.pids["a"]), signal.SIGTERM)
    assert [running.process.stdout.readline() for _line in range(2)] == ["a undone\n", "a ended by SIGTERM\n"]
    name, pid = running.process.stdout.readline().split()
    assert name == "c"
    running.pids["c"] = pid
    running.process.terminate()
    assert "parent ended by SIGTERM" in running.rest()
