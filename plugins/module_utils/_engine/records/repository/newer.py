# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Whether `latest` is the newest that was made: what speaks of newer backups that cannot be had.

A manifest that is damaged still has its name. One that is gone leaves a receipt on its host, marks, and the detail
that is stored just before it. Whoever can take the newest manifest away must not decide which backup is restored.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import typing as t

from ...drivers.crypto import lbx
from ...ground import codec
from ...ground.errors import AccessDenied, NotFound, RecoveryError
from . import choosing
from . import marks as sealed
from . import names as repository
from .catalogue import IntegrityProblem
from .stored_backup import RECORD_BYTES, parse_record

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .catalogue import Repository
    from .manifest import Manifest
    from .receipts import Receipt
    from .stored_backup import Backup

OPENED = 8
"""Records that are opened to learn whose they are; there is seldom one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Passed:
    """A newer backup that was passed over; `certain` unless nobody can tell that it is one of this component."""

    backup_id: str
    cause: str
    certain: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Chosen:
    """The backup that a selector means, and what was passed over for it."""

    backup: Backup
    passed: tuple[Passed, ...] = ()

    @property
    def certain(self) -> bool:
        """Whether a newer backup of the same component is known to have been made."""
        return any(passed.certain for passed in self.passed)

    @property
    def notes(self) -> tuple[str, ...]:
        """Say it to people, in one sentence or none."""
        record = self.backup.manifest
        return (said(record.component, record.backup_id, self.passed),) if self.passed else ()


def said(component: str, backup_id: str, passed: Iterable[Passed]) -> str:
    """Say to people that a backup is not the newest that was made."""
    every = list(passed)
    first = max(every, key=lambda one: (one.certain, choosing.second(one.backup_id)))
    beside = f", and {len(every) - 1} more" if len(every) > 1 else ""
    whole = "is not" if first.certain else "may not be"
    return f"{backup_id} {whole} the newest backup of {component}; {first.backup_id}{beside} came later. {first.cause}"


def choose(opened: Repository, component: str, selector: str, now: datetime.datetime) -> Chosen:
    """
    Return the backup that `selector` names, and the newer ones that it passes over. Raise as `Repository.find` does.

    A backup that is named by its id passes nothing over.
    """
    before = len(opened.problems)
    try:
        backup = opened.find(component, selector)
    except NotFound as exc:
        lost = [problem for problem in opened.problems[before:] if problem.component == component]
        if not lost:
            raise
        raise NotFound(
            f"{exc.cause} {len(lost)} exist but cannot be used; the first: {lost[0].cause}",
            "Use a replica, or check the messages of playbook lifeboat.recovery.verify.",
            **exc.details,
        ) from exc
    if repository.BACKUP_ID.fullmatch(selector):
        return Chosen(backup)
    until = choosing.deadline(selector)
    receipts = opened.receipts.of(opened.application)
    found = {one.backup_id: one for one in _looked_for(opened, backup, until, now, receipts)}
    found |= {one.backup_id: one for one in among(receipts, opened.problems[before:], backup.manifest, until)}
    return Chosen(backup, tuple(found[identity] for identity in sorted(found)))


def notice(
    opened: Repository, backups: Iterable[Backup], until: datetime.datetime | None = None
) -> dict[str, tuple[Passed, ...]]:
    """Count it among the problems where the latest of a component is not the newest; give what it passes over."""
    records = choosing.newest_of_each(backup.manifest for backup in backups)
    receipts = opened.receipts.of(opened.application) if opened.problems else []
    found = {component: among(receipts, opened.problems, record, until) for component, record in records.items()}
    for component, passed in found.items():
        if passed:
            identity = records[component].backup_id
            opened.problems.append(IntegrityProblem("latest", identity, said(component, identity, passed), component))
    return {component: passed for component, passed in found.items() if passed}


def among(
    receipts: Sequence[Receipt],
    problems: Iterable[IntegrityProblem],
    chosen: Manifest,
    until: datetime.datetime | None,
) -> tuple[Passed, ...]:
    """
    Return what the problems of a listing say of newer backups of the same component, or of one that may be.

    `receipts` are those of its application.
    """
    identity, component = chosen.backup_id, chosen.component
    is_newer = _newer_than(receipts, chosen, until)
    found: dict[str, Passed] = {}
    for problem in problems:
        match = repository.BACKUP_ID.search(problem.name)
        if match and problem.component in {"", component} and problem.kind not in {"mark", "latest"}:
            own = match[0] == identity and problem.kind == "exchanged"
            if own or is_newer(match[0]):
                found[match[0]] = Passed(match[0], problem.cause, bool(problem.component))
    return tuple(found.values())


def _newer_than(
    receipts: Iterable[Receipt], chosen: Manifest, until: datetime.datetime | None
) -> Callable[[str], bool]:
    """Return what tells whether one that cannot be had would be meant instead, by its receipt or else its id."""
    own, component = chosen.backup_id, chosen.component
    known = {receipt.backup_id: receipt for receipt in receipts if receipt.component == component}

    def is_newer(identity: str) -> bool:
        if made := known.get(identity):
            counts = choosing.is_latest(made) and choosing.is_before(made.at, until)
            return counts and choosing.age(made) > choosing.age(chosen)
        began, last = choosing.second(identity), choosing.second(repository.backup_id(until, "")) if until else ""
        return identity != own and choosing.second(own) <= began and (not last or began < last)

    return is_newer


def _looked_for(
    opened: Repository,
    chosen: Backup,
    until: datetime.datetime | None,
    now: datetime.datetime,
    receipts: Sequence[Receipt],
) -> Iterator[Passed]:
    """Yield what receipts, marks and records know of that no manifest stands for."""
    identity, component = chosen.manifest.backup_id, chosen.manifest.component
    is_newer = _newer_than(receipts, chosen.manifest, until)
    own = (receipt for receipt in receipts if receipt.component == component)
    made = {receipt.backup_id: receipt.finished for receipt in own if is_newer(receipt.backup_id)}
    try:
        traces = _traces(opened, identity, until or now, is_newer)
        listed = dict(_listed(opened)) if traces or made else {}
        marked = _marks(opened, {*traces, *made} - listed.keys())
    except AccessDenied as exc:
        yield Passed(identity, f"Whether there is a newer one is unknown: {exc.cause}", certain=False)
        return
    here = [one for one, of in listed.items() if of == component and is_newer(one)]
    yield from _unseen(opened, chosen, here, until)
    lost = sorted(({*traces, *made} - listed.keys()) - {one for one, found in marked.items() if found.expired})
    for number, one in enumerate(reversed(lost)):
        if one in made:
            yield Passed(one, f"It was made by this host at {made[one]} and is not in the store.")
        elif one in marked and marked[one].standing:
            if component in {mark.component for mark in marked[one].standing}:
                yield Passed(one, "It has a mark, but its manifest is missing.")
        elif "detail" in traces[one]:
            yield from _by_its_record(opened, chosen, one, open_it=number < OPENED)


def _unseen(
    opened: Repository, chosen: Backup, listed: Iterable[str], until: datetime.datetime | None
) -> Iterator[Passed]:
    """
    Yield those that a second listing shows: the first, by which the backup was chosen, may have left them out.

    Of those that began within the same second, only the later ones would have been chosen.
    """
    for identity in listed:
        try:
            backup = opened.read(chosen.manifest.component, identity)
        except RecoveryError as exc:
            yield Passed(identity, exc.cause)
            continue
        record = backup.manifest
        if choosing.is_latest_before(record, until) and choosing.age(record) > choosing.age(chosen.manifest):
            yield Passed(identity, "The store did not list it at first: it was just finished, or withheld.")


def _traces(
    opened: Repository, identity: str, until: datetime.datetime, is_newer: Callable[[str], bool]
) -> dict[str, set[str]]:
    """Return what lies in the store of each newer id: `detail`, which is stored last, and `mark`."""
    application = opened.application
    last = repository.backup_id(until, "")
    # Ids sort by time, so what the two have in common begins everything between them.
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(identity, last, strict=False))
    common = "".join(letter for letter, _same in pairs)
    found: dict[str, set[str]] = collections.defaultdict(set)
    for info in opened.store.list(repository.details(application) + common):
        owner = repository.owner(application, info.name)
        if owner and info.name == repository.detail(application, owner, "detail"):
            found[owner].add("detail")
    for info in opened.store.list(repository.marks(application) + common):
        if parsed := repository.parse_mark(application, info.name):
            found[parsed[0]].add("mark")
    return {one: what for one, what in found.items() if is_newer(one)}


def _listed(opened: Repository) -> Iterator[tuple[str, str]]:
    """Yield the id and the component of each manifest."""
    for info in opened.store.list(repository.manifests(opened.application)):
        if parsed := repository.parse_manifest(opened.application, info.name):
            yield parsed[1], parsed[0]


def _marks(opened: Repository, identities: Iterable[str]) -> dict[str, sealed.Marks]:
    said: dict[str, sealed.Marks] = {}
    for identity in identities:
        said |= sealed.read(opened.store, opened.trusted_keys, opened.application, identity)
    return said


def _by_its_record(opened: Repository, chosen: Backup, identity: str, *, open_it: bool) -> Iterator[Passed]:
    """Tell by its record whether a backup without a manifest is one of the same component, where a key opens it."""
    cause = "All of it is stored, but its manifest is missing."
    name = repository.detail(opened.application, identity, "detail")
    signers = opened.trusted_keys.record_signers(chosen.manifest.component, None)
    try:
        if not open_it or not opened.trusted_keys.can_open:
            raise AccessDenied("No available key decrypts it.", "")
        stored = opened.store.get(name)
        sealed = lbx.open_file(stored, lbx.Expected(name, signers), opened.trusted_keys.opener)
        whose = parse_record(b"".join(codec.decompress(sealed, limit=RECORD_BYTES))).get("component")
    except RecoveryError:
        whose = None
    if not isinstance(whose, str):
        yield Passed(identity, cause, certain=False)
    elif whose == chosen.manifest.component:
        yield Passed(identity, cause)
