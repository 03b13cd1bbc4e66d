# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is left to do when a copy has reached its target, and what is known of it then."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ...drivers.components.postgres import wal_files
from ...drivers.stores.plain import open_plain
from ...ground.errors import RecoveryError
from ...records.repository import names as repository
from ...records.repository import trusted_keys
from ...records.wal import settings
from ..wal.pushing import PATIENCE, Pusher

if t.TYPE_CHECKING:
    from ...drivers.components.postgres.collations import Settled
    from ...ground.model import World
    from .knowing import Known


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """
    The timeline that begins, if one does, where the former data are kept, what was built anew for this host, and the
    seconds that it took to unpack the backup and to replay the log.
    """

    timeline: int | None
    kept: str
    settled: Settled
    warnings: tuple[str, ...]
    seconds: float
    replay_seconds: float


def store_history(config_dir: str, known: Known, data: str, timeline: int, world: World) -> tuple[str, ...]:
    """
    Store the history of the timeline that begins as the cluster's archive_command would, and return warnings.

    Raise Tampered where another server began a timeline of that number: then nothing has been replaced yet.
    """
    name = wal_files.history(timeline)
    if not config_dir:
        return (f"{name} is stored by the server itself when it archives: watch that it does.",)
    told = settings.read(config_dir, repository.cluster_and_database(known.component)[0])
    if told.system_identifier != known.server.system_identifier:
        raise RecoveryError(
            f"{told.path} is for the server with system identifier {told.system_identifier}.",
            "Nothing was replaced. Leave out wal_config, and run playbook lifeboat.recovery.archiving afterwards.",
        )
    store = open_plain(told.store, environ=world.environ, patience=PATIENCE)
    held = trusted_keys.load(told.keys, store, told.application)
    Pusher(told, store, held, world.now()).push(os.path.join(data, "pg_wal", name))
    return ()
