# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The history of a host: every entry is kept whole, in its place, and whatever was done to the file is named."""

from __future__ import annotations

import dataclasses
import datetime
import fcntl
import itertools
import json
import os
import re
import resource
import signal
import subprocess
import sys

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import journal
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Busy, StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.host_state import StateFile
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit

START = datetime.datetime(2026, 11, 20, 3, 0, tzinfo=datetime.UTC)


def event(number=0, **values):
    given = {
        "time": START + datetime.timedelta(hours=number),
        "operation": "backup",
        "result": "ok",
        "host": "db1",
        "user": "alice",
        "application": "shop",
        "component": "main/shop",
        "backup_id": f"backup-{number}",
        "seconds": 1.5,
        "message": "done",
        "facts": {"size": 10, "changed": True},
    }
    return audit.Event(**(given | values))


@pytest.fixture
def log(tmp_path):
    made = audit.AuditLog(str(tmp_path))
    for number in range(5):
        made.append(event(number))
    return made


def lines(log):
    with open(log.path, "rb") as file:
        return file.read().splitlines(keepends=True)


def write(log, content):
    with open(log.path, "wb") as file:
        file.write(b"".join(content))


def test_entries_come_back_as_they_were_told_and_chain(log):
    entries = list(log.entries())
    assert [entry.sequence for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.previous for entry in entries] == [audit.NOTHING, *(entry.hash for entry in entries[:-1])]
    first = entries[0]
    assert (first.operation, first.user, first.facts["size"], first.size) == ("backup", "alice", 10, 10)
    assert first.at == START
    assert log.verify() == []


def test_entries_are_chosen_by_time_application_and_number(log):
    log.append(event(5, application="other"))
    later = START + datetime.timedelta(hours=2)
    assert [entry.sequence for entry in log.entries(since=later)] == [3, 4, 5, 6]
    assert [entry.sequence for entry in log.entries(until=later)] == [1, 2]
    assert [entry.sequence for entry in log.entries(application="other")] == [6]
    assert [entry.sequence for entry in log.entries(after_sequence=4, application="shop")] == [5]


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(audit.Entry)])
def test_a_change_of_any_field_is_named(log, field):
    content = lines(log)
    record = json.loads(content[2])
    other = {"sequence": 7, "seconds": 9.0, "facts": {"size": 11}, "hash": "f" * 64, "previous": "e" * 64}
    record[field] = other.get(field, "2026-11-20T05:00:00.001+00:00" if field == "time" else "x")
    content[2] = json.dumps(record, separators=(",", ":")).encode() + b"\n"
    write(log, content)
    first = log.verify()[0]
    assert "was changed" in first
    assert f"Entry {record['sequence']} " in first


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (lambda content: content[:2] + content[3:], "Entry 4 of .* does not follow entry 2 of"),
        (lambda content: content[1:], "Entry 2 of .* does not follow the beginning"),
        (lambda content: [content[0], content[2], content[1], *content[3:]], "Entry 3 of .* does not follow entry 1"),
        (lambda content: [*content[:3], content[2], *content[3:]], "Entry 3 of .* does not follow entry 3"),
        (lambda content: [*content[:2], b"{}\n", *content[2:]], "Line 3 is not an entry"),
        (lambda content: [*content[:2], b"\n", *content[2:]], "Line 3 is not an entry"),
        (lambda content: [content[0].replace(b"{", b"{ ", 1), *content[1:]], "Entry 1 of .* was changed"),
    ],
)
def test_what_was_taken_out_put_in_or_moved_is_named_first(log, tamper, named):
    write(log, tamper(lines(log)))
    assert re.match(named, log.verify()[0])


@pytest.mark.parametrize(
    "forged",
    [
        {"seconds": float("nan")},
        {"seconds": True},
        {"facts": {"size": float("inf")}},
        {"sequence": 1 << 63},
        {"sequence": True},
        {"previous": "x"},
        {"time": "2026-11-20T03:00:00+05:00"},
        {"time": "0001-01-01T00:00:00+14:00"},
        {"hash": "a\u0000b"},
    ],
)
def test_what_a_report_or_a_database_could_not_hold_is_no_entry_whatever_its_hash(tmp_path, forged):
    log = audit.AuditLog(str(tmp_path))
    entry = dataclasses.replace(log.append(event()), **forged)
    if "hash" not in forged:
        entry = dataclasses.replace(entry, hash=audit.digest(entry))
    write(log, [json.dumps(dataclasses.asdict(entry), separators=(",", ":")).encode() + b"\n"])
    assert log.verify() == ["Line 1 is not an entry: something else was written there."]
    assert list(log.entries()) == []


def test_a_chain_written_anew_is_known_by_what_others_remember(log, tmp_path):
    known = {entry.sequence: entry.hash for entry in log.entries()}
    assert log.verify(known) == []
    write(log, lines(log)[:3])
    assert log.verify() == []
    assert "Entry 4, which was known before, is missing" in log.verify(known)[0]
    os.unlink(log.path)
    assert "Entry 1, which was known before, is missing" in log.verify(known)[0]
    for number in range(5):
        log.append(event(number, user="mallory"))
    assert log.verify() == []
    assert "Entry 1 is not the one known before" in log.verify(known)[0]


def test_an_entry_follows_the_last_whole_one_and_says_what_a_power_cut_left(log):
    with open(log.path, "ab") as file:
        file.write(b'{"sequence":6,"ti')
    assert "ends in an incomplete line" in log.verify()[0]
    assert len(list(log.entries())) == 5
    entry = log.append(event(6))
    assert (entry.sequence, entry.facts["torn_bytes"]) == (6, 17)
    assert log.verify() == []
    assert "torn_bytes" not in log.append(event(7)).facts


def test_blocks_of_zeros_after_a_power_cut_are_half_a_line_too(log):
    with open(log.path, "ab") as file:
        file.write(b"\0" * (3 * journal.BLOCK))
    assert log.append(event(6)).facts["torn_bytes"] == 3 * journal.BLOCK
    assert log.verify() == []


def test_a_whole_line_that_is_no_entry_stays_as_evidence(log):
    with open(log.path, "ab") as file:
        file.write(b"a stranger was here\n")
    assert log.append(event(6)).sequence == 6
    assert log.verify() == ["Line 6 is not an entry: something else was written there."]


def test_a_crash_at_any_byte_of_an_append_never_breaks_the_chain(log):
    before = b"".join(lines(log))
    log.extend([event(6), event(7)])
    whole = b"".join(lines(log))
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(len(before), len(whole) + 1):
        write(log, [whole[:length]])
        entry = log.append(event(8))
        assert entry.sequence == sum(end <= length for end in ends) + 1
        assert entry.facts.get("torn_bytes", 0) == length - max(end for end in ends if end <= length)
        assert log.verify() == []


def test_a_full_disk_leaves_the_file_as_it_was(log):
    before = lines(log)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(log.path) + 20, limits[1]))
    try:
        with pytest.raises(StoreError, match="cannot be written to: File too large"):
            log.append(event(6))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert lines(log) == before
    assert log.append(event(6)).sequence == 6


WRITER = """
import datetime, sys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
log = audit.AuditLog(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(100):
    log.append(audit.Event(datetime.datetime.now(datetime.UTC), "backup", "ok", "db1", sys.argv[2]))
"""


def test_two_writers_at_once_make_one_chain(tmp_path):
    environ = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), name],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in ("one", "two", "three")
    ]
    assert [writer.stdout.readline() for writer in writers] == [b"ready\n"] * 3
    for writer in writers:
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    log = audit.AuditLog(str(tmp_path))
    assert log.verify() == []
    users = [entry.user for entry in log.entries()]
    assert {name: users.count(name) for name in set(users)} == {"one": 100, "two": 100, "three": 100}
    switches = sum(here != following for here, following in itertools.pairwise(users))
    assert switches > 2, "the writers did not meet, so this proved nothing"


def test_a_lock_that_somebody_keeps_ends_the_wait(log):
    pauses = []
    with open(log.path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Busy, match="holds the lock"):
            log.append(event(6), sleep=pauses.append)
        with pytest.raises(Busy, match="holds the lock"):
            log.verify(sleep=pauses.append)
    assert sum(pauses) == pytest.approx(20)
    assert len(list(log.entries())) == 5


@pytest.mark.parametrize("trap", ["link", "pipe", "second name"])
def test_no_other_file_is_written_through_a_trap(tmp_path, trap):
    victim, path = tmp_path / "victim", tmp_path / "state" / "audit.jsonl"
    path.parent.mkdir()
    victim.write_bytes(b"")
    if trap == "link":
        path.symlink_to(victim)
    elif trap == "pipe":
        os.mkfifo(path)
    else:
        path.hardlink_to(victim)
    with pytest.raises(StoreError, match="cannot be written"):
        audit.AuditLog(str(path.parent)).append(event())
    assert victim.read_bytes() == b""


def test_a_log_that_root_begins_can_be_continued_by_the_directorys_owner(tmp_path):
    os.chown(tmp_path, 12345, 12346)
    log = audit.AuditLog(str(tmp_path))
    log.append(event())
    state = os.stat(log.path)
    assert (state.st_uid, state.st_gid, state.st_mode & 0o777) == (12345, 12346, 0o600)


def test_text_is_one_line_that_no_terminal_obeys(tmp_path):
    log = audit.AuditLog(str(tmp_path))
    entry = log.append(event(user="\x1b[2Jroot\nx", message="a\r\nb\x9b" + "x" * 5000, facts={"target": "a\nb"}))
    assert entry.user == "?[2Jroot x"
    assert entry.message.startswith("a b?x")
    assert len(entry.message) == audit.LONGEST
    assert entry.facts["target"] == "a b"
    assert list(log.entries()) == [entry]
    assert log.verify() == []


def test_names_in_any_script_keep_their_letters(tmp_path):
    log = audit.AuditLog(str(tmp_path))
    log.append(event(component="main/магазин 🐘"))
    assert next(log.entries()).component == "main/магазин 🐘"
    assert log.verify() == []


def test_without_a_directory_nothing_is_kept_and_nothing_fails():
    for directory in (None, "/nowhere"):
        log = audit.AuditLog(directory)
        assert log.append(event()) is None
        assert (list(log.entries()), log.verify()) == ([], [])


def test_only_the_end_of_a_long_log_is_read_to_append(tmp_path, monkeypatch):
    log = audit.AuditLog(str(tmp_path))
    for number in range(300):
        log.append(event(number))
    assert os.path.getsize(log.path) > journal.BLOCK
    read = []
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda *args: read.append(args[1]) or real(*args))
    log.append(event(300))
    assert sum(read) <= 2 * journal.BLOCK


def test_the_receipts_of_a_host_outlive_half_a_line_too(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Note:
        text: str

    notes = journal.Journal(str(tmp_path), StateFile("notes.jsonl", "notes"), Note)
    for text in ("one", "two"):
        notes.add(Note(text), unwritten="", remedy="")
        with open(notes.path, "a", encoding="utf-8") as file:
            file.write('{"text": "ha')
    assert [note.text for note in notes.read()] == ["one", "two"]


def test_problems_are_counted_when_they_are_too_many(log):
    write(log, [b"x\n"] * 100)
    found = log.verify()
    assert len(found) == audit.MOST_PROBLEMS + 1
    assert found[-1] == "And 80 more."
