# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use cases: write the recovery kit into the store, and check what is there.

Files that change have names that follow from their contents, and the signed list comes last: whenever the writing is
interrupted, the store has a whole kit, the former or this one.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import json
import typing as t

from ...drivers.crypto import lbx
from ...drivers.crypto.keys import plaintext_digest
from ...ground import codec, disk
from ...ground.errors import NotFound, StoreError, Tampered, UsageError
from ...ground.model import Outcome
from ...ground.streams import Peekable, Tally
from ...ground.units import human_count, human_size
from ...records.kit import listing
from ...records.kit.listing import Kit, Listed
from ...records.repository import catalogue
from ...records.repository import names as repository
from . import card, contents

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ...drivers.crypto.lbx import Writer
    from ...ground.model import World
    from ...records.repository.catalogue import Repository, RepositorySettings
    from .contents import Source


@dataclasses.dataclass(frozen=True, slots=True)
class KitRequest:
    """Whose kit, and what it is made of; nothing to check the one that is there."""

    repository: RepositorySettings
    source: Source | None = None


class _Part(t.NamedTuple):
    listed: Listed
    read: Callable[[], Iterable[bytes]]


def write(request: KitRequest, world: World) -> Outcome:
    """
    Put into the store what its kit lacks, and remove what the kit before had. The same contents change nothing.

    Raise KeyRefused without the recovery key, UsageError for what no kit takes, StoreError as disk and store do.
    """
    if request.source is None:
        raise UsageError("collection is not set.", "Give the directory of the collection.", field="collection")
    opened = catalogue.open_repository(request.repository, world)
    return _Writing(request, request.source, opened, opened.trusted_keys.recovery_writer(), world).run()


def check(request: KitRequest, world: World) -> Outcome:
    """
    Read the whole kit, and compare it with what the root signed. Nothing is written.

    Raise NotFound when there is none, Tampered that names each file that is not as it was signed.
    """
    opened = catalogue.open_repository(request.repository, world)
    application = opened.application
    kit = listing.fetch(opened.store, application, opened.trusted_keys.roots)
    if kit is None:
        told = f"{opened.store.url} has no recovery kit of {application}."
        raise NotFound(told, "Write one: playbook lifeboat.recovery.recovery_kit.")
    wrong = [name for name, each in sorted(kit.files.items()) if not _is(opened, name, each)]
    if wrong:
        raise Tampered(
            f"Kit {kit.serial} of {application} is not as it was signed: {', '.join(wrong)}.",
            "Find out who wrote to the store, then write the kit again: playbook lifeboat.recovery.recovery_kit.",
            names=wrong,
        )
    known = opened.receipts.kit_serial(application)
    if kit.serial < known:
        raise Tampered(
            f"The store has kit {kit.serial} of {application}, and this host knows kit {known}.",
            "Somebody put an old kit back: find out who, then write the kit again.",
            serial=kit.serial,
        )
    return Outcome(changed=False, facts=_facts(kit, opened, request, "is whole"))


def _is(opened: Repository, name: str, expected: Listed) -> bool:
    try:
        return _measured(opened.store.get(repository.kit(opened.application, name), 0, expected.size + 1)) == expected
    except NotFound:
        return False


def _facts(kit: Kit, opened: Repository, request: KitRequest, how: str) -> dict[str, t.Any]:
    roots = opened.trusted_keys.roots
    told = (
        f"Kit {kit.serial} of {kit.application} {how}: {human_count(len(kit.files), 'file')}, {human_size(kit.size)}."
    )
    return {
        "serial": kit.serial,
        "size": kit.size,
        "files": sorted(kit.files),
        "start_sha256": kit.files["start.py"].sha256 if "start.py" in kit.files else "",
        "card": card.text(kit, request.repository.store, roots),
        "summary": told,
    }


class _Writing:
    def __init__(self, request: KitRequest, source: Source, opened: Repository, writer: Writer, world: World) -> None:
        self._request = request
        self._source = source
        self._opened = opened
        self._writer = writer
        self._world = world
        self._warnings: list[str] = []
        prefix = repository.kit(opened.application)
        self._there = {info.name.removeprefix(prefix): info.size for info in opened.store.list(prefix)}
        self._before = self._former()

    def run(self) -> Outcome:
        before, opened = self._before, self._opened
        parts = self._parts()
        files = {name: part.listed for name, part in parts.items()}
        missing = [name for name, listed in files.items() if not self._has(name, listed)]
        gone = sorted(self._there.keys() - files.keys() - {listing.LIST})
        same = before is not None and before.files == files and not missing
        if before is not None and same:
            kit = before
        else:
            serial = max(before.serial if before else 0, opened.receipts.kit_serial(opened.application)) + 1
            kit = Kit(opened.application, serial, self._world.now(), contents.version(self._source.collection), files)
            self._put(kit, {name: parts[name] for name in missing})
        self._remove(gone)
        if not self._world.dry_run:
            opened.receipts.saw_kit(opened.application, kit.serial)
        facts = _facts(kit, opened, self._request, "is in the store" if same else "is written")
        return Outcome(
            changed=not same or bool(gone),
            facts={**facts, "written": sorted(missing), "removed": gone},
            before=_lines(before.files if before else {}),
            after=_lines(files),
            warnings=tuple(self._warnings),
        )

    def _former(self) -> Kit | None:
        """Return the kit that is in the store. What the root did not sign is replaced, and told."""
        opened = self._opened
        known = opened.receipts.kit_serial(opened.application)
        try:
            kit = listing.fetch(opened.store, opened.application, opened.trusted_keys.roots)
        except Tampered as exc:
            self._warnings.append(
                f"{exc.cause} It is replaced. Find out who wrote it, unless the recovery key changed."
            )
            return None
        if kit and kit.serial < known:
            self._warnings.append(
                f"The store had kit {kit.serial}, and this host knows kit {known}: somebody put an old kit back."
            )
            return dataclasses.replace(kit, files={})
        return kit

    def _has(self, name: str, listed: Listed) -> bool:
        """Whether the store has what was signed, as far as sizes and the list say. `check` reads it all."""
        known = self._before.files.get(name) if self._before else None
        return known == listed and self._there.get(name) == listed.size

    def _parts(self) -> dict[str, _Part]:
        source = self._source
        packed = contents.collection(source.collection)
        name = f"collection-{hashlib.sha256(packed).hexdigest()[:12]}.tar.gz"
        parts = {name: self._kept(name) or _whole(gzip.compress(packed, mtime=0))}
        wheels = contents.wheels(source.wheels)
        parts |= {each: _wheel(path) for each, path in wheels.items()}
        parts |= {each: _whole(content) for each, content in contents.plain(source.collection).items()}
        versions = {
            "collection": contents.version(source.collection),
            "packages": [each[7:] for each in sorted(wheels)],
        }
        parts["versions.json"] = _whole(json.dumps(versions, indent=2).encode() + b"\n")
        inventory = contents.inventory(source)
        self._warnings += inventory.warnings
        parts |= self._sealed(inventory.content)
        return parts

    def _sealed(self, content: bytes) -> dict[str, _Part]:
        """Return the encrypted inventory. The same plaintext keeps its file, which nobody else can tell by its name."""
        name = f"inventory-{plaintext_digest(self._opened.trusted_keys.digest_key, [content])[:12]}.lbx"
        if kept := self._kept(name):
            return {name: kept}
        packed = codec.compress(Peekable([content]), codec.Codec.parse("zstd"))
        place = repository.kit(self._opened.application, name)
        return {name: _whole(b"".join(lbx.SealedFile(place, packed, self._writer)))}

    def _kept(self, name: str) -> _Part | None:
        known = self._before.files.get(name) if self._before else None
        return _Part(known, tuple) if known and self._has(name, known) else None

    def _put(self, kit: Kit, parts: Mapping[str, _Part]) -> None:
        record = listing.sign(kit, self._writer.signer)
        if self._world.dry_run:
            return
        for name, part in parts.items():
            self._opened.store.put(repository.kit(kit.application, name), part.read())
        self._opened.store.put(repository.kit(kit.application, listing.LIST), [record])

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            try:
                self._opened.store.delete(repository.kit(self._opened.application, name))
            except StoreError as exc:
                self._warnings.append(f"{name} of the former kit stays in the store: {exc.cause}")


def _whole(content: bytes) -> _Part:
    return _Part(_measured([content]), lambda: [content])


def _wheel(path: str) -> _Part:
    return _Part(_measured(disk.read_blocks(path)), functools.partial(disk.read_blocks, path))


def _measured(blocks: Iterable[bytes]) -> Listed:
    tally = Tally()
    for _block in tally.watch(blocks):
        pass
    return Listed(tally.bytes, tally.hexdigest)


def _lines(files: Mapping[str, Listed]) -> str:
    return "".join(f"{name} {each.size} {each.sha256}\n" for name, each in sorted(files.items()))
