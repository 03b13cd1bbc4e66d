# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a host remembers of the logs in a store: to look again then takes a request for each timeline, and not one for each
thousand segments.

What is remembered is only that which was listed, and it is listed again where that is more than a week ago, where a
timeline began, and where something is asked that is not remembered. A segment that disappears later is found then, and
not earlier. Segments are stored side by side: so a gap that is young is looked at again each time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import typing as t
from datetime import UTC, datetime, timedelta

from ...drivers.components.postgres import wal_files
from ...ground import disk
from ...ground.errors import StoreError
from ...ground.host_state import WAL_LISTED
from ..repository import names as repository
from ..repository.receipts import store_digest
from . import archive, names
from .archive import Archive
from .segments import Run, Segments

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...drivers.stores.base import ObjectInfo, Store

WHOLE_EVERY = timedelta(days=7)
"""A log is listed from its beginning after this time."""

YOUNG = timedelta(days=1)
"""For so long a gap may be filled by what was stored beside it, or by the next primary's archiver."""

FRESH = timedelta(minutes=5)
"""For so long what was listed counts for figures that nobody is alerted by."""

LARGEST = 4 << 20
"""Bytes of what is remembered; a log without gaps has some hundred."""

MOST = 1 << 24
"""Segments that follow one another: those of thirty years, one a minute."""

NEXT = "0"
"""What follows a slash: a listing after it leaves out all that is below a name."""


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """The log of a server as it was at a time, and when all of it was listed."""

    archive: Archive
    at: datetime
    whole: datetime


class Memory:
    """What one host remembers of one store. Without a directory nothing is kept and nothing is known."""

    def __init__(self, state_dir: str | None, application: str, place: str) -> None:
        self._path = WAL_LISTED.below(state_dir, application=application, store=store_digest(place))

    def read(self) -> dict[str, Listed]:
        """Return what is remembered, by system identifier; nothing of a log whose record is none of ours."""
        found = {}
        for identifier, log in self._records().items():
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, OverflowError):
                found[identifier] = _parsed(identifier, log)
        return found

    def keep(self, listed: Mapping[str, Listed]) -> None:
        """Remember these logs beside the others. Where this user may not write, all is listed the next time."""
        if self._path is None or not listed:
            return
        logs = {**self._records(), **{identifier: _record(one) for identifier, one in listed.items()}}
        text = json.dumps({"format": WAL_LISTED.format, "logs": logs}, separators=(",", ":"))
        with contextlib.suppress(StoreError):
            disk.write_atomically(self._path, [text.encode("ascii")], shared=True)

    def _records(self) -> dict[str, t.Any]:
        if self._path is None:
            return {}
        with contextlib.suppress(ValueError, TypeError, KeyError, OSError, StoreError):
            told = json.loads(b"".join(disk.read_blocks(self._path, 0, LARGEST)))
            if told["format"] == WAL_LISTED.format and isinstance(told["logs"], dict):
                return t.cast("dict[str, t.Any]", told["logs"])
        return {}


def identifiers(store: Store, application: str) -> Iterator[str]:
    """Yield the system identifiers of all logs that a store has, with a request for each."""
    prefix, after = repository.wal(application), ""
    while (found := next(iter(store.list(prefix, after)), None)) is not None and found.name > after:
        identifier = found.name.removeprefix(prefix).partition("/")[0]
        if names.SYSTEM_IDENTIFIER.fullmatch(identifier):
            yield identifier
        after = prefix + identifier + NEXT


def all_of(store: Store, application: str, known: Mapping[str, Listed], now: datetime) -> dict[str, Listed]:
    """Return all logs that a store has: those as they are known of which that is young enough."""
    found = {}
    for identifier in identifiers(store, application):
        held = known.get(identifier)
        if held is None or not now - FRESH <= held.at <= now:
            size = held.archive.segment_size if held else wal_files.DEFAULT_SIZE
            held = again(store, application, held, size, now) or whole(store, application, identifier, size, now)
        found[identifier] = held
    return found


def whole(store: Store, application: str, identifier: str, size: int, now: datetime) -> Listed:
    """List a log from its beginning."""
    found = archive.listed(store, application, {identifier: size}, identifier)
    return Listed(found.get(identifier) or Archive(identifier, size), now, now)


def again(store: Store, application: str, known: Listed | None, size: int, now: datetime) -> Listed | None:
    """List what was added to a log that is known. Return None where all of it has to be listed."""
    if known is None or known.archive.segment_size != size or not now - WHOLE_EVERY < known.whole <= now:
        return None
    held = known.archive
    grown = _settled(held, now)
    for timeline in grown.timelines:
        for info in store.list(
            names.timeline(application, held.system_identifier, timeline), _last(grown, application, timeline)
        ):
            _add(grown, application, info)
    below = repository.wal(application, held.system_identifier)
    newest = max(grown.timelines, default=0)
    for info in store.list(below, f"{below}{newest:08X}{NEXT}"):
        if names.parse(application, info.name):
            return None
        if stored := names.parse_tail(application, info.name):
            grown.add_tail(info, stored)
    return Listed(grown, now, known.whole)


def _settled(held: Archive, now: datetime) -> Archive:
    """Return a log without what comes after a gap that may still be filled."""
    made = Archive(held.system_identifier, held.segment_size)
    made.histories = {timeline: list(found) for timeline, found in held.histories.items()}
    made.partials = {timeline: list(found) for timeline, found in held.partials.items()}
    made.bytes, made.count = held.bytes, held.count
    young = (now - YOUNG).timestamp()
    for timeline, segments in held.segments.items():
        kept, following = Segments(), None
        for run in segments.runs(remembered=True):
            if following not in {None, run.first} and run.began > young:
                made.bytes -= segments.size(run.first, segments.last)
                made.count -= segments.count(run.first, segments.last)
                break
            kept.add_run(run)
            following = run.last + 1
        made.segments[timeline] = kept
    return made


def _last(held: Archive, application: str, timeline: int) -> str:
    """Return the name of the last segment of a timeline; empty without one."""
    segments = held.segments.get(timeline)
    if not segments:
        return ""
    name = wal_files.segment(timeline, segments.last, held.segment_size)
    return names.name(application, held.system_identifier, wal_files.parse(name))


def _add(held: Archive, application: str, info: ObjectInfo) -> None:
    """Note an object, unless it is remembered."""
    stored = names.parse(application, info.name)
    if stored is None:
        return
    of_timeline = stored.file.timeline
    if info.name not in (*held.histories.get(of_timeline, ()), *held.partials.get(of_timeline, ())):
        held.add(info, stored)


def _record(one: Listed) -> dict[str, t.Any]:
    """Return what is remembered of a log."""
    held = one.archive
    return {
        "segment_size": held.segment_size,
        "at": one.at.isoformat(),
        "whole": one.whole.isoformat(),
        "bytes": held.bytes - sum(info.size for _stored, info in held.tails),
        "count": held.count - len(held.tails),
        "histories": {str(timeline): found for timeline, found in held.histories.items()},
        "partials": {str(timeline): found for timeline, found in held.partials.items()},
        "segments": {str(timeline): runs for timeline, found in held.segments.items() if (runs := [*found.runs()])},
    }


def _parsed(identifier: str, told: Mapping[str, t.Any]) -> Listed:
    """Return it as it was. Raise what a bad record raises."""
    held = Archive(identifier, int(told["segment_size"]))
    held.histories = _names(told["histories"])
    held.partials = _names(told["partials"])
    for timeline, runs in told["segments"].items():
        if not runs:  # only a part of a segment was there
            continue
        segments = held.segments[int(timeline)] = Segments()
        last = -1
        for run in (Run(*given) for given in runs):
            if not last < run.first <= run.last < run.first + MOST:
                raise ValueError(timeline)
            segments.add_run(run)
            last = run.last
    held.bytes, held.count = int(told["bytes"]), int(told["count"])
    at, listed = datetime.fromisoformat(told["at"]), datetime.fromisoformat(told["whole"])
    if held.segment_size not in wal_files.SIZES or not at.tzinfo or not listed.tzinfo:
        raise ValueError(identifier)
    return Listed(held, at.astimezone(UTC), listed.astimezone(UTC))


def _names(told: Mapping[str, t.Any]) -> dict[int, list[str]]:
    return {int(timeline): [str(name) for name in found] for timeline, found in told.items()}
