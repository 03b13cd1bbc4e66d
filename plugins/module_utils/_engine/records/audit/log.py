# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The one history of what a host did: `<state_dir>/audit.jsonl`, append-only, each entry sealed to the one before it.

The chain shows an entry that was changed, taken out or put in. It cannot show that entries are missing at its end, nor
a chain that was computed anew; for that somebody else must remember a hash, as a `backup_logs` table and audit
reports do, and `problems` takes what they remember.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import math
import os
import re
import typing as t

from ...drivers.components.target import DROPPED
from ...ground import host_state, journal
from ...ground.errors import StoreError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NOTHING = "0" * 64
"""The hash before the first entry."""

DELETED = "deleted"
"""The fact `action` of a backup that retention deleted."""

REDACTED = "redacted"
"""The fact that holds the message without the names that it marks."""

Fact: t.TypeAlias = "int | float | str | bool"

LONGEST = 1000
"""Letters of a text that are kept: a message names its cause in its first sentence."""

LARGEST = (1 << 63) - 1
"""The largest number of an entry, and the largest whole number that a database takes."""

MOST_PROBLEMS = 20

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """
    One operation and how it ended.

    `time` is its end, ISO 8601 in UTC. `refused` is a request that was turned down before anything was touched.
    `user` asked for it; `facts` are small scalars, of which `changed`, `os_user`, and of a failure `error` are
    always there when a module wrote the entry.
    """

    sequence: int
    time: str
    operation: str
    result: str
    application: str
    component: str
    backup_id: str
    host: str
    user: str
    reason: str
    seconds: float
    message: str
    facts: dict[str, Fact]
    previous: str
    hash: str

    @property
    def at(self) -> datetime.datetime:
        """When it ended."""
        return datetime.datetime.fromisoformat(self.time)

    @property
    def is_run(self) -> bool:
        """Whether it says how a run ended. What a run removed on its way is recorded one by one beside it."""
        return self.facts.get("action") not in {DELETED, DROPPED}

    @property
    def scope(self) -> str:
        """How much of its component a backup holds that it made."""
        return str(self.facts.get("scope", "full"))

    @property
    def size(self) -> int:
        """The bytes in the store that it was about, 0 when it was about none."""
        size = self.facts.get("size", 0)
        return size if isinstance(size, int) else 0


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """What is given to the log; the log adds number, links and hash."""

    time: datetime.datetime
    operation: str
    result: str
    host: str
    user: str
    application: str = ""
    component: str = ""
    backup_id: str = ""
    reason: str = ""
    seconds: float = 0.0
    message: str = ""
    facts: Mapping[str, Fact] = dataclasses.field(default_factory=dict)


class AuditLog:
    """The history of one host. Without a directory nothing is kept and nothing is known; `path` is None then."""

    def __init__(self, state_dir: str | None) -> None:
        self.path = host_state.AUDIT.below(state_dir)

    def append(self, event: Event, *, sleep: Callable[[float], None] | None = None) -> Entry | None:
        """
        Write an entry durably, and give it; None when nothing is kept.

        Half a line that a power cut left is cut off; the entry says so with the fact `torn_bytes`. Raise StoreError
        when the disk refuses, and with `sleep` Busy when others hold the file for too long.
        """
        return next(iter(self.extend([event], sleep=sleep)), None)

    def extend(self, events: Sequence[Event], *, sleep: Callable[[float], None] | None = None) -> list[Entry]:
        """Write several entries as `append` writes one: nobody's stands between them, and all are kept or none."""
        if self.path is None or not events:
            return []
        made: list[Entry] = []

        def make(newest_first: Iterator[bytes], torn: int) -> bytes:
            last = next(filter(None, map(parse, newest_first)), None)
            for event in events:
                last = _follow(last, event, 0 if made else torn)
                made.append(last)
            return b"".join(map(journal.line, made))

        try:
            journal.append_line(self.path, make, sleep=sleep)
        except OSError as exc:
            raise StoreError(
                f"The audit log {self.path} cannot be written to: {exc.strerror}.",
                "Free space there, or grant the user who runs this write access.",
                path=self.path,
            ) from exc
        return made

    def entries(
        self,
        *,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
        application: str | None = None,
        after_sequence: int = 0,
    ) -> Iterator[Entry]:
        """Yield entries, oldest first: from `since` on, before `until`. What is no entry is left to `verify`."""
        for entry in filter(None, map(parse, self._lines())):
            if (
                entry.sequence > after_sequence
                and (application is None or entry.application == application)
                and (since is None or entry.at >= since)
                and (until is None or entry.at < until)
            ):
                yield entry

    def verify(
        self, known: Mapping[int, str] | None = None, *, sleep: Callable[[float], None] | None = None
    ) -> list[str]:
        """
        Return what is wrong with the chain, the first broken link first; nothing when it is whole.

        `known` are hashes, by the number of their entry, that somebody else remembers.
        """
        if self.path is None or not os.path.exists(self.path):
            return [_gone(number) for number in sorted(known or {})][:1]
        try:
            size = journal.settled_size(self.path, sleep=sleep)
            found = problems(journal.whole_lines(self.path, size), known or {})
            with open(self.path, "rb") as file:
                file.seek(max(0, size - 1))
                if size and file.read(1) != b"\n":
                    found.append(_TORN)
        except OSError as exc:
            raise StoreError(f"The audit log {self.path} cannot be read: {exc.strerror}.", path=self.path) from exc
        return found

    def _lines(self) -> Iterator[bytes]:
        if self.path is not None and os.path.exists(self.path):
            yield from journal.whole_lines(self.path)


def parse(line: bytes) -> Entry | None:
    """Return the entry of a line, None when it is none. Whether it is in its place is another question."""
    try:
        entry = Entry(**json.loads(line))
        return entry if _is_sound(entry) else None
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def problems(lines: Iterator[bytes], known: Mapping[int, str]) -> list[str]:
    """Return what is wrong with a chain, in the order of its lines."""
    found: list[str] = []
    unseen = dict(known)
    sequence, previous, dated = 0, NOTHING, ""
    for number, line in enumerate(lines, 1):
        entry = parse(line)
        if entry is None:
            found.append(f"Line {number} is not an entry: something else was written there.")
            continue
        found += _link_problems(entry, line, sequence, previous, dated)
        expected = unseen.pop(entry.sequence, entry.hash)
        if expected != entry.hash:
            found.append(f"Entry {entry.sequence} is not the one known before: the log was rewritten.")
        sequence, previous, dated = entry.sequence, entry.hash, f" of {entry.time}"
    found += [_gone(number) for number in sorted(unseen)]
    hidden = len(found) - MOST_PROBLEMS
    return [*found[:MOST_PROBLEMS], f"And {hidden} more."] if hidden > 0 else found


def digest(entry: Entry) -> str:
    """Return the hash of an entry: SHA-256 over the canonical JSON of all but the hash."""
    record = {name: getattr(entry, name) for name in _ACCEPTED if name != "hash"}
    return hashlib.sha256(json.dumps(record, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def one_line(text: str) -> str:
    """Return text as one line that no terminal obeys, cut to what is kept."""
    flat = " ".join(text.split())
    clean = "".join(letter if letter.isprintable() else "?" for letter in flat)
    return clean if len(clean) <= LONGEST else clean[: LONGEST - 1] + "…"


def _is_sound(entry: Entry) -> bool:
    """Whether it has the form of an entry: whoever can write the file can give a hash that fits to anything."""
    numbers = [value for value in (entry.seconds, *entry.facts.values()) if not isinstance(value, str)]
    return (
        all(isinstance(getattr(entry, name), accepted) for name, accepted in _ACCEPTED.items())
        and not any(isinstance(number, bool) for number in (entry.sequence, entry.seconds))
        and 0 < entry.sequence <= LARGEST
        and all(map(math.isfinite, numbers))
        and bool(_HASH.fullmatch(entry.hash) and _HASH.fullmatch(entry.previous))
        and entry.at.utcoffset() == datetime.timedelta(0)
    )


def _link_problems(entry: Entry, line: bytes, sequence: int, previous: str, dated: str) -> list[str]:
    """Return what is wrong with one entry: itself, or its place after the entry `sequence`."""
    where = f"Entry {entry.sequence} of {entry.time}"
    if digest(entry) != entry.hash or journal.line(entry) != line + b"\n":
        return [f"{where} was changed: its hash does not match."]
    if entry.previous == previous and entry.sequence == sequence + 1:
        return []
    after = f"entry {sequence}{dated}" if sequence else "the beginning"
    return [f"{where} does not follow {after}: entries between them were removed, added or replaced."]


def _gone(number: int) -> str:
    return f"Entry {number}, which was known before, is missing: the log was truncated or removed."


def _follow(last: Entry | None, event: Event, torn: int) -> Entry:
    facts: dict[str, Fact] = {
        name: one_line(value) if isinstance(value, str) else value for name, value in sorted(event.facts.items())
    }
    if torn:
        facts["torn_bytes"] = torn
    entry = Entry(
        sequence=last.sequence + 1 if last else 1,
        time=event.time.astimezone(datetime.UTC).isoformat(timespec="milliseconds"),
        operation=event.operation,
        result=event.result,
        application=event.application,
        component=one_line(event.component),
        backup_id=one_line(event.backup_id),
        host=one_line(event.host),
        user=one_line(event.user),
        reason=one_line(event.reason),
        seconds=round(float(event.seconds), 3),
        message=one_line(event.message),
        facts=facts,
        previous=last.hash if last else NOTHING,
        hash="",
    )
    return dataclasses.replace(entry, hash=digest(entry))


_ACCEPTED: dict[str, t.Any] = {field.name: str for field in dataclasses.fields(Entry)} | {
    "sequence": int,
    "seconds": (int, float),
    "facts": dict,
}

_TORN = "The log ends in an incomplete line, as after a power failure; the next entry repairs that."
