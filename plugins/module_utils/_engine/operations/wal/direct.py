# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: one file of a cluster's log out of the store, for a server or a person on a host that has a key.

A host without a key that opens can still give histories: what they say is in their signed heads, and a server that is
promoted without them takes the number of a timeline that the store already has.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.components.postgres import timelines, wal_files
from ...drivers.crypto import keyfile
from ...drivers.crypto.local_keys import KeySettings
from ...drivers.stores.plain import open_plain
from ...ground import disk
from ...ground.errors import NotFound, Tampered
from ...ground.host_state import WAL_TRUST
from ...records.wal import settings, trusting
from ...records.wal.reading import WalReader
from . import fetching
from .pushing import PATIENCE
from .sources import Sources

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ...ground.model import World
    from ...records.wal.settings import WalSettings


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A file of the log of a cluster by its `name`, where it goes, and the file with the key that opens it, if any."""

    cluster: str
    name: str
    destination: str
    key_file: str = ""


def fetch(wanted: Wanted, config_dir: str, state_dir: str, world: World, say: Callable[[str], None]) -> bool:
    """
    Write the file, whole or not at all. False where it is absent, and nothing of the log is after it.

    Raise Hole where something is, and what the store and the keys raise. `say` hears of what could not be believed.
    """
    told = settings.read(config_dir, wanted.cluster)
    told = dataclasses.replace(told, keys=_keys(told, wanted.key_file))
    store = open_plain(told.store, environ={}, patience=PATIENCE)
    copy = WAL_TRUST.path(state_dir, cluster=wanted.cluster)
    held = trusting.load(told, store, copy, world.now())
    reader = WalReader(store, held, told.server)
    if not held.can_open and wanted.name.endswith(f".{wal_files.HISTORY}"):
        return _lineage(reader, wanted, say)
    sources = Sources(reader)
    found = fetching.fetch(sources, wanted.name, wanted.destination)
    for cause in sources.refused:
        say(cause)
    return found


def _lineage(reader: WalReader, wanted: Wanted, say: Callable[[str], None]) -> bool:
    file = wal_files.parse(wanted.name)
    try:
        ancestors = reader.lineage(file.timeline)
    except NotFound:
        fetching.require_absent(reader, file)
        return False
    except Tampered as exc:
        if reader.anything_of(file.timeline):
            raise
        say(f"{exc.cause} It was not used; find out who stored it.")
        return False
    disk.write_atomically(wanted.destination, [timelines.written(ancestors)], shared=True)
    return True


def _keys(told: WalSettings, key_file: str) -> KeySettings:
    """Return the key that opens, and the roots that are pinned; the keys of a host that only writes are left alone."""
    if key_file and any(record.type == "recovery" for record in keyfile.read(key_file)):
        return KeySettings(recovery_key_file=key_file, roots=told.keys.roots)
    if not key_file and told.keys.recovery_key_file:
        return told.keys
    return KeySettings(opening_key_file=key_file or told.keys.opening_key_file, roots=told.keys.roots)
