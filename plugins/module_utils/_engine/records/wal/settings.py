# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What role `wal_archiving` wrote down for the server's own user: `<config_dir>/wal/<cluster>/wal.json`, without a secret.

`archive_command` travels with copies of a server. So the file says for which data directory it was written, and nothing
is archived from another one.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ...drivers.components.postgres import wal_files
from ...drivers.crypto.local_keys import KeySettings
from ...drivers.stores.settings import StoreSettings
from ...ground import disk
from ...ground.codec import Codec
from ...ground.errors import NotFound, StoreError, UsageError
from ...ground.host_state import WAL_SETTINGS
from . import names
from .contents import Server

LARGEST = 64 << 10
JOBS = range(1, 17)
BATCH = range(1, 257)
INTERVAL = range(1, 3601)

_REMEDY = "Run playbook lifeboat.recovery.archiving for this host."


@dataclasses.dataclass(frozen=True, slots=True)
class Stream:
    """
    How the log is received: from the server behind a socket, by PostgreSQL's programs in `bin_dir`. What it has written
    of a segment is stored every `interval` seconds.
    """

    bin_dir: str
    socket: str
    port: int
    user: str
    slot: str
    interval: int


@dataclasses.dataclass(frozen=True, slots=True)
class WalSettings:
    """
    Whose write-ahead log goes where, and by which keys.

    One call pushes up to `batch` files, `jobs` at once; `segment_size` is in bytes.
    """

    path: str
    application: str
    cluster: str
    system_identifier: str
    segment_size: int
    data_directory: str
    store: StoreSettings
    keys: KeySettings
    compression: Codec
    batch: int
    jobs: int
    stream: Stream | None = None

    @property
    def server(self) -> Server:
        """Whose files these are."""
        return Server(self.system_identifier, self.segment_size)

    @property
    def scope(self) -> str:
        """What its signer has to be trusted for."""
        return names.scope(self.system_identifier)


def read(config_dir: str, cluster: str) -> WalSettings:
    """Read the settings of a cluster. Raise NotFound where there are none, UsageError where the file is not ours."""
    path = WAL_SETTINGS.path(config_dir, cluster=cluster)
    try:
        return _parse(path, cluster, json.loads(b"".join(disk.read_blocks(path, length=LARGEST))))
    except NotFound as exc:
        raise NotFound(f"There is no {path}, so the WAL of cluster {cluster} has no place.", _REMEDY) from exc
    except StoreError as exc:
        raise UsageError(exc.cause, "Run this as the user of the server.", path=path) from exc
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise UsageError(f"{path} does not contain the settings of cluster {cluster}.", _REMEDY, path=path) from exc


def _parse(path: str, cluster: str, told: t.Any) -> WalSettings:
    made = WalSettings(
        path=path,
        application=str(told["application"]),
        cluster=str(told["cluster"]),
        system_identifier=str(told["system_identifier"]),
        segment_size=told["segment_size"],
        data_directory=str(told["data_directory"]),
        store=StoreSettings(**told["store"]),
        keys=KeySettings(**{**told["keys"], "roots": tuple(told["keys"].get("roots", ()))}),
        compression=Codec.parse(told["compression"]),
        batch=told["batch"],
        jobs=told["jobs"],
        stream=_stream(told["stream"]) if told.get("stream") else None,
    )
    right = (
        told["format"] == WAL_SETTINGS.format
        and made.cluster == cluster
        and names.SYSTEM_IDENTIFIER.fullmatch(made.system_identifier)
        and made.segment_size in wal_files.SIZES
        and made.batch in BATCH
        and made.jobs in JOBS
        and (made.stream is None or made.stream.interval in INTERVAL)
    )
    if not right:
        raise ValueError(path)
    return made


def _stream(told: t.Any) -> Stream:
    words = {name: str(told[name]) for name in ("bin_dir", "socket", "user", "slot")}
    return Stream(**words, port=int(told["port"]), interval=int(told["interval"]))
