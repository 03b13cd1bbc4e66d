# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The backups that a store holds, as a reader may believe them.

Nothing is listed on a file's word: a manifest counts when its seal, its signer and its place are right. What fails
is not silently left out but reported as a problem. The catalogue has no state of its own; it is the store, read.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.stores import factory
from ...ground.errors import KeyRefused, NotFound, Tampered
from ...ground.workers import at_once
from . import choosing, evidence, readings, trusted_keys
from . import marks as sealed
from . import names as repository
from .choosing import Place
from .receipts import Receipts
from .stored_backup import Backup, Lack, believed, chain, lacks

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Collection, Iterable

    from ...drivers.stores.base import ObjectInfo, Store
    from ...drivers.stores.settings import Patience
    from ...ground.model import World

__all__ = ["Backup", "IntegrityProblem", "Listed", "Repository", "RepositorySettings", "open_repository"]

STRANGER = "stranger"
"""The kind of problem that a wrong key makes of every backup."""

TRUST = "trust"
"""The kind of problem that a trust file is which no root signed."""


@dataclasses.dataclass(frozen=True, slots=True)
class RepositorySettings:
    """Where the backups of an application are and which keys belong to it. `state_dir` is the host's own memory."""

    application: str
    store: factory.StoreSettings
    keys: trusted_keys.KeySettings
    state_dir: str | None = None

    @property
    def place(self) -> str:
        """What tells the store from others in the host's memory."""
        return factory.identity(self.store)


@dataclasses.dataclass(frozen=True, slots=True)
class IntegrityProblem:
    """
    Something in the store that is not as it must be: `kind` for machines, `cause` for people.

    `component` is the database whose backup it spoils, empty where that is not known.
    """

    kind: str
    name: str
    cause: str
    component: str = ""

    @property
    def sentence(self) -> str:
        """What is wrong, and with which object."""
        return self.cause if self.name in self.cause else f"{self.name}: {self.cause}"


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """An authentic backup, when the store took its manifest by its own clock, and what a restore of it lacks."""

    backup: Backup
    stored: datetime.datetime
    lack: Lack | None


class Repository:
    """An application's backups in one store."""

    def __init__(
        self,
        application: str,
        store: Store,
        keys: trusted_keys.TrustedKeys,
        receipts: Receipts,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self.application = application
        self.store = store
        self.trusted_keys = keys
        self.receipts = receipts
        self.problems: list[IntegrityProblem] = []
        self._now = now

    def backups(self, component: str | None = None) -> list[Backup]:
        """
        Return the authentic and complete backups, of one component, one cluster or all, oldest first.

        What is not so is added to `problems`. Raise StoreError when the store cannot be listed to its end, and
        InconsistentStore when it lists none and holds some.
        """
        listed = [entry.backup for entry in self.everything(component) if entry.lack is None]
        return sorted(listed, key=_age)

    def until(self, backup: Backup, count: int) -> list[Backup]:
        """Return the authentic full backups of its component up to this one, `count` of them at most, oldest first."""
        until = choosing.second(backup.manifest.backup_id)
        places = sorted(
            place for place in self._places(backup.manifest.component) if choosing.second(place.backup_id) <= until
        )
        found: list[Backup] = []
        while places and len(found) < count:
            read = filter(None, at_once(self._believed, places[-count:]))
            found += [one for one in read if choosing.is_comparable(one.manifest) and _age(one) <= _age(backup)]
            del places[-count:]
        return sorted(found, key=_age)[-count:]

    def everything(
        self, component: str | None = None, all_files: Callable[[], list[ObjectInfo]] | None = None
    ) -> list[Listed]:
        """
        Return the authentic backups, those that lack files, or what they need, too; `component` may be its cluster's
        part alone.

        `all_files` returns all files once the manifests are read, in place of a listing. Raise InconsistentStore
        when none is listed and some are there.
        """
        places = self._places(component)
        read = at_once(self._believed, places)
        files = all_files() if all_files else self._files()
        self._look_for_hidden(component, places, files, self._compare_with_receipts(component, read))
        lacking = lacks(filter(None, read), {info.name: info.size for info in files})
        listed = []
        for place, backup in zip(places, read, strict=True):
            lack = lacking.get((place.component, place.backup_id))
            # What retention takes away while this runs is neither there nor damaged.
            if backup and not (lack and readings.is_expired(backup)):
                listed.append(Listed(backup, place.stored, lack))
                if lack:
                    self._incomplete(backup, lack.cause)
        return listed

    def _incomplete(self, backup: Backup, cause: str) -> None:
        record = backup.manifest
        self.problems.append(IntegrityProblem("incomplete", record.backup_id, cause, record.component))

    def marks(self, backup_id: str | None = None, *, kinds: tuple[str, ...] = sealed.KINDS) -> dict[str, sealed.Marks]:
        """Return what is said about one backup, or about all, by backup id; a mark not to be believed is a problem."""
        found = sealed.read(self.store, self.trusted_keys, self.application, backup_id, kinds=kinds)
        self.report_unsigned(found.values())
        return found

    def report_unsigned(self, found: Iterable[sealed.Marks]) -> None:
        """Add the marks that are not to be believed to `problems`."""
        for name in (name for said in found for name in said.doubtful):
            self.problems.append(
                IntegrityProblem("mark", name, f"The mark {name} is not signed by a key that is trusted for it.")
            )

    def find(self, component: str, selector: str) -> Backup:
        """
        Return the backup of `component` that `selector` names: `latest`, a backup id, or `latest before <time>`.

        The latest is the newest full one that is no emergency backup. Raise NotFound when there is none,
        InconsistentStore when none is listed and some are there, KeyRefused when there are some and none is signed by a
        trusted key, UsageError when the selector is malformed, Tampered when the named one cannot be trusted.
        """
        if repository.BACKUP_ID.fullmatch(selector):
            try:
                return self.read(component, selector)
            except NotFound as exc:
                raise _none(component, selector) from exc
        before, known = choosing.deadline(selector), len(self.problems)
        places = self._places(component)
        for begun_at_once in choosing.newest_first(places):
            read = [backup for place in begun_at_once if (backup := self._believed(place))]
            for backup in sorted(read, key=_age, reverse=True):
                if choosing.is_latest_before(backup.manifest, before) and self._present(backup):
                    return backup
        strangers = sum(problem.kind == STRANGER for problem in self.problems[known:])
        if places and strangers == len(places):
            raise KeyRefused(
                f"None of the {strangers} backups of {component} is signed by a trusted key.",
                "Set the key of this application; a new key needs a trust file, or another application name.",
                component=component,
            )
        if not places:
            self._look_for_hidden(component, places, self._files(), self._compare_with_receipts(component, []))
        raise _none(component, selector)

    def read(self, component: str, backup_id: str) -> Backup:
        """Return one backup. Raise NotFound when it does not exist, Tampered when it is not to be believed."""
        info = self.store.head(repository.manifest(self.application, component, backup_id))
        return self._read(Place(component, backup_id, info.modified))

    def _read(self, place: Place) -> Backup:
        return believed(self.store, self.trusted_keys, self.application, place, self._now)

    def _places(self, component: str | None) -> list[Place]:
        infos = self.store.list(repository.manifests(self.application, component))
        found = ((repository.parse_manifest(self.application, info.name), info.modified) for info in infos)
        return [Place(*parsed, modified) for parsed, modified in found if parsed is not None]

    def _believed(self, place: Place) -> Backup | None:
        try:
            return self._read(place)
        except (Tampered, NotFound) as exc:
            if isinstance(exc, NotFound) and self._expired_among({place.backup_id}):
                return None
            name = repository.manifest(self.application, place.component, place.backup_id)
            kind = STRANGER if exc.details.get("signer") == "unknown" else "manifest"
            self.problems.append(IntegrityProblem(kind, name, exc.cause, place.component))
            return None

    def _present(self, backup: Backup) -> bool:
        """Whether all is there of a backup and of what it needs."""
        try:
            for one in chain(self.read, backup):
                one.check_present()
        except (Tampered, NotFound) as exc:
            own = backup.manifest.backup_id
            self._incomplete(backup, exc.cause if own in exc.cause else f"{own} needs what is damaged. {exc.cause}")
            return False
        return True

    def _files(self) -> list[ObjectInfo]:
        return [info for prefix in repository.files(self.application) for info in self.store.list(prefix)]

    def _look_for_hidden(
        self, component: str | None, places: list[Place], files: Iterable[ObjectInfo], missing: set[str]
    ) -> None:
        """Report complete backups that no manifest lists. Raise InconsistentStore when nothing else is listed."""
        every = places if component is None else self._places(None)
        known = {place.backup_id for place in every}
        found = evidence.unlisted(self.application, files, known, self._now())
        whole = found.complete - self._expired_among(found.complete)
        for identity in sorted(whole - missing):
            self.problems.append(IntegrityProblem("hidden", identity, evidence.hidden(identity)))
        stored = whole if every else whole | found.partial
        if not places and (stored or missing):
            what = component or self.application
            raise evidence.nothing_listed(self.store.url, what, len(stored), len(missing))

    def _compare_with_receipts(self, component: str | None, read: list[Backup | None]) -> set[str]:
        """Report what differs from what was written here, and return the ids of the backups that are not there."""
        missing: set[str] = set()
        found = {backup.manifest.backup_id: backup.manifest_sha256 for backup in read if backup}
        receipts = self.receipts.of(self.application, component)
        expired = self._expired({receipt.backup_id for receipt in receipts} - found.keys())
        for receipt in receipts:
            if receipt.backup_id in expired:
                continue
            if receipt.backup_id not in found:
                cause = f"{receipt.backup_id} was made by this host at {receipt.finished} and is not in the store."
                self.problems.append(IntegrityProblem("missing", receipt.backup_id, cause, receipt.component))
                missing.add(receipt.backup_id)
            elif found[receipt.backup_id] != receipt.manifest_sha256:
                cause = f"The manifest of {receipt.backup_id} is not the one that was written."
                self.problems.append(IntegrityProblem("exchanged", receipt.backup_id, cause, receipt.component))
        return missing

    def _expired(self, missing: set[str]) -> set[str]:
        """Return those of the missing backups that retention let go; the host need not ask for one twice."""
        known = self.receipts.expired(self.application) & missing
        gone = self._expired_among(missing - known)
        self.receipts.forget(self.application, gone)
        return known | gone

    def _expired_among(self, wanted: Collection[str]) -> set[str]:
        return sealed.expired(self.store, self.trusted_keys, self.application, wanted)


def open_repository(
    settings: RepositorySettings, world: World, *, patience: Patience | None = None, thorough: bool = False
) -> Repository:
    """
    Open an application's repository. In a dry run reads pass and writes vanish.

    `thorough` lets each listing be proved to be whole, for those who delete because of it.
    """
    application = repository.check_application(settings.application)
    store = factory.open_store(
        settings.store, environ=world.environ, dry_run=world.dry_run, patience=patience, thorough=thorough
    )
    receipts = Receipts(settings.state_dir, settings.place, read_only=world.dry_run)
    keys = trusted_keys.load(settings.keys, store, application, last_seen_serial=receipts.trust_serial(application))
    if keys.trust is not None and not world.dry_run:
        receipts.saw_trust(application, keys.trust.serial)
    opened = Repository(application, store, keys, receipts, world.now)
    cause = "It is not signed by the pinned root, and was ignored."
    opened.problems += [IntegrityProblem(TRUST, name, f"{name}: {cause}") for name in keys.ignored_trust_files]
    return opened


def _none(component: str, selector: str) -> NotFound:
    return NotFound(
        f"The store contains no backup {selector!r} of {component}.",
        "List the backups with playbook lifeboat.recovery.list, and check application, cluster and database.",
        component=component,
        selector=selector,
    )


def _age(backup: Backup) -> t.Any:
    return choosing.age(backup.manifest)
