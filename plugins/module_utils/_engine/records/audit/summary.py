# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What an audit wants to know of the logs of several hosts, as sections of text and tables, without a format yet.

What hosts handed in is not believed: every entry is hashed again, and one that does not fit is a broken chain.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import itertools
import json
import typing as t

from ...ground import units, verbs
from ..repository import choosing, protection
from . import log as audit

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .log import Entry
    from .period import Period

Row = tuple[str, ...]
Head = tuple[int, str, str]
"""Number, hash and time of an entry."""


@dataclasses.dataclass(frozen=True, slots=True)
class Collected:
    """What one host handed in: entries of the period, and what is wrong with its log. `error` if it handed in none."""

    name: str
    entries: tuple[Entry, ...] = ()
    total: int = 0
    head: Head | None = None
    problems: tuple[str, ...] = ()
    error: str = ""

    @property
    def sound(self) -> bool:
        """Whether the log is here and whole."""
        return not self.problems and not self.error


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """A title, sentences, and a table. Without rows there is only text."""

    title: str
    text: tuple[str, ...] = ()
    columns: Row = ()
    rows: tuple[Row, ...] = ()


def collected(name: str, given: Mapping[str, t.Any], known: Head | None = None) -> Collected:
    """
    Take what module audit_info gave on a host, or the error in its place, without believing any of it.

    `known` is the head of an earlier report.
    """
    entries = given.get("entries")
    if not isinstance(entries, list):
        return Collected(name, error=audit.one_line(str(given.get("msg") or "It did not respond.")))
    told = given.get("problems") or []
    problems = [audit.one_line(str(problem)) for problem in (told if isinstance(told, list) else [told])]
    parsed: list[Entry] = []
    for record in entries:
        entry = audit.parse(json.dumps(record).encode())
        if entry is None or audit.digest(entry) != entry.hash:
            problems.append("An entry of the host does not match its hash.")
        else:
            parsed.append(entry)
    head, total = read_head(given.get("head")), given.get("total")
    problems += _gaps(parsed)
    problems += _beyond(parsed, head)
    problems += _forgotten(parsed, head, known)
    count = total if isinstance(total, int) else len(parsed)
    return Collected(name, tuple(parsed), count, head, tuple(dict.fromkeys(problems)))


def read_head(given: object) -> Head | None:
    """Return a head from what a host or a file says, None when it is none."""
    if not isinstance(given, dict):
        return None
    sequence, texts = given.get("sequence"), (given.get("hash"), given.get("time"))
    if not isinstance(sequence, int) or not all(isinstance(text, str) for text in texts):
        return None
    return sequence, audit.one_line(str(texts[0])), audit.one_line(str(texts[1]))


def sections(hosts: Sequence[Collected], period: Period) -> list[Section]:
    """Return the report from the most important to the least."""
    entries = all_entries(hosts)
    return [
        _integrity(hosts, period),
        _operations(entries),
        _components(entries),
        _listed("Requested by people", entries, _by_people, "Only scheduled work was done."),
        _listed("Failed and refused", entries, lambda entry: entry.result != "ok", "Nothing failed."),
        _deletions(entries),
        _people(entries),
        _repairs(entries),
    ]


def verdict(hosts: Sequence[Collected]) -> str:
    """Return the whole in one sentence."""
    missing = [host.name for host in hosts if host.error]
    broken = [host.name for host in hosts if host.problems]
    if not missing and not broken:
        return f"The audit log of every host was collected ({len(hosts)}), and every chain is intact."
    parts = []
    if broken:
        parts.append(f"the chain is broken on {', '.join(broken)}")
    if missing:
        parts.append(f"no log was received from {', '.join(missing)}")
    return f"This report cannot be relied on: {' and '.join(parts)}."


def _gaps(entries: Sequence[Entry]) -> list[str]:
    """Return what is wrong between neighbours; a host that hands in one application's entries leaves others out."""
    found = []
    for before, after in itertools.pairwise(entries):
        follows = after.sequence == before.sequence + 1
        if after.sequence <= before.sequence or (follows and after.previous != before.hash):
            found.append(
                f"Entry {after.sequence} does not follow entry {before.sequence}: entries are missing or changed."
            )
    return found


def _beyond(entries: Sequence[Entry], head: Head | None) -> list[str]:
    """Return what is wrong between the entries and the newest one that the host names."""
    if not entries or (head and entries[-1].sequence < head[0]):
        return []
    if head == (entries[-1].sequence, entries[-1].hash, entries[-1].time):
        return []
    return [f"Entry {entries[-1].sequence} does not match the newest entry that the host reports."]


def _forgotten(entries: Sequence[Entry], head: Head | None, known: Head | None) -> list[str]:
    """Return what speaks against the head of an earlier report, as far as it can be seen from here."""
    if known is None:
        return []
    if head is None or head[0] < known[0]:
        return [f"Entry {known[0]}, which was known before, is missing: the log was truncated or removed."]
    here = {entry.sequence: entry.hash for entry in entries} | {head[0]: head[1]}
    if here.get(known[0], known[1]) != known[1]:
        return [f"Entry {known[0]} is not the one known before: the log was rewritten."]
    return []


def _integrity(hosts: Sequence[Collected], period: Period) -> Section:
    rows = []
    for host in hosts:
        newest = f"{host.head[0]} of {host.head[2]}, {host.head[1]}" if host.head else "none"
        chain = f"NO LOG: {host.error}" if host.error else ("BROKEN" if host.problems else "whole")
        rows.append((host.name, str(len(host.entries)), str(host.total), chain, newest))
    text = [verdict(hosts), *(f"{host.name}: {problem}" for host in hosts for problem in host.problems)]
    text.append(
        "Keep the newest entry's hash outside the host: a later log without it was truncated or rewritten, which the "
        "chain alone cannot show."
    )
    columns = ("Host", f"Entries of {period.name}", "Entries in total", "Chain", "Newest entry")
    return Section("Integrity", tuple(text), columns, tuple(rows))


def _operations(entries: Sequence[tuple[str, Entry]]) -> Section:
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for _host, entry in entries:
        if entry.is_run:
            counts[entry.operation][entry.result] += 1
    rows = []
    for operation in sorted(counts):
        results = counts[operation]
        total = sum(results.values())
        share = f"{100 * results['ok'] / total:.1f} %"
        rows.append((operation, str(total), *(str(results[result]) for result in verbs.RESULTS), share))
    text = () if rows else ("Nothing was done.",)
    return Section(
        "Operations", text, ("Operation", "Runs", "Ok", "Failed", "Refused", "Stopped", "Success"), tuple(rows)
    )


def _components(entries: Sequence[tuple[str, Entry]]) -> Section:
    """Tell of each database how often it was backed up, and whether anybody saw a backup restore."""
    makes, tests = verbs.that("makes"), verbs.that("tests")
    groups: dict[tuple[str, str], list[Entry]] = collections.defaultdict(list)
    for _host, entry in entries:
        if entry.component and entry.operation in makes | tests:
            groups[entry.application, entry.component].append(entry)
    rows = []
    for (application, component), group in sorted(groups.items()):
        good = [entry for entry in group if entry.operation in makes and entry.result == "ok"]
        made = [entry for entry in good if entry.facts.get("changed", True)]
        full = [entry for entry in made if choosing.is_latest(entry)]
        failed = sum(entry.operation in makes and entry.result != "ok" for entry in group)
        proved = [entry for entry in group if protection.test_result(entry.operation, entry.result, entry.facts)]
        rows.append(
            (
                application,
                component,
                str(len(made)),
                str(failed),
                _moment(full[-1]) if full else "never",
                units.human_size(sum(entry.size for entry in made)),
                str(len(proved)),
                _moment(proved[-1]) if proved else "never",
            )
        )
    columns = (
        "Application",
        "Component",
        "Backups",
        "Failed",
        "Last backup (UTC)",
        "Stored",
        "Restore tests",
        "Last restore test (UTC)",
    )
    return Section("Backups and restore tests", () if rows else ("There were none.",), columns, tuple(rows))


def _listed(title: str, entries: Sequence[tuple[str, Entry]], wanted: Callable[[Entry], bool], nothing: str) -> Section:
    rows = tuple(
        (
            _moment(entry),
            host,
            who(entry),
            entry.operation,
            entry.component or entry.application,
            entry.reason,
            str(entry.facts.get("ticket", "")),
            entry.result,
            entry.message,
        )
        for host, entry in entries
        if wanted(entry) and entry.is_run
    )
    columns = ("Time (UTC)", "Host", "Who", "Operation", "Of", "Reason", "Ticket", "Result", "Message")
    return Section(title, () if rows else (nothing,), columns, rows)


def _deletions(entries: Sequence[tuple[str, Entry]]) -> Section:
    counts: dict[tuple[str, str], list[Entry]] = collections.defaultdict(list)
    for _host, entry in entries:
        if entry.facts.get("action") == audit.DELETED:
            counts[entry.application, entry.component].append(entry)
    rows = tuple(
        (application, component, str(len(group)), units.human_size(sum(entry.size for entry in group)))
        for (application, component), group in sorted(counts.items())
    )
    text = ("The CSV file names each of them.",) if rows else ("No backup was deleted.",)
    return Section("Backups deleted by retention", text, ("Application", "Component", "Backups", "Size"), rows)


def _people(entries: Sequence[tuple[str, Entry]]) -> Section:
    counts = collections.Counter((who(entry), entry.operation) for _host, entry in entries)
    rows = tuple((name, operation, str(count)) for (name, operation), count in sorted(counts.items()))
    return Section("Who acted", (), ("Who", "Operation", "Entries"), rows)


def _repairs(entries: Sequence[tuple[str, Entry]]) -> Section:
    text = tuple(
        f"{host}: before entry {entry.sequence} of {entry.time}, an incomplete line of {entry.facts['torn_bytes']} "
        "bytes was removed, as after a power failure. Its content is unknown."
        for host, entry in entries
        if "torn_bytes" in entry.facts
    )
    return Section("Interrupted writes", text or ("There were none.",))


def who(entry: Entry) -> str:
    """Return who asked, and the operating system's user if that is another."""
    account = str(entry.facts.get("os_user", ""))
    return f"{entry.user} (as {account})" if account and account != entry.user else entry.user


def _moment(entry: Entry) -> str:
    return f"{entry.at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S}"


def _by_people(entry: Entry) -> bool:
    verb = verbs.OPERATIONS.get(entry.operation)
    return bool(verb and verb.on_request) or entry.reason not in {"", "scheduled"}


def all_entries(hosts: Iterable[Collected]) -> list[tuple[str, Entry]]:
    """Return every entry with its host, in the order of time."""
    every = ((host.name, entry) for host in hosts for entry in host.entries)
    return sorted(every, key=lambda item: (item[1].time, item[0]))
