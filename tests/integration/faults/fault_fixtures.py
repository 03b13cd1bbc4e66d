# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What the fault tests stand on: a repository with a key, a database to back up, and judges of what was left.

The restore here is deliberately not the collection's own: members go straight to pg_restore, so a mistake in the
collection's restore cannot hide one in its backup.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import json
import os
import secrets
import time
import typing as t
from pathlib import Path

import asked
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import proof
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import StoreSettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.verify import verification
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from postgres_fixtures import Cluster

APPLICATION = "shop"
CLUSTER = "main"


@dataclasses.dataclass(frozen=True)
class Fixture:
    """
    One repository, and one database of a running server that is backed up into it.

    `home` holds the key file, the state directory and the directory that is TMPDIR, each of its own; `marker` is a
    text that stands in rows of the database and may be nowhere else.
    """

    server: Cluster
    database: str
    home: Path
    store: StoreSettings
    key: bytes
    marker: str = ""

    @property
    def settings(self) -> catalogue.RepositorySettings:
        return catalogue.RepositorySettings(
            APPLICATION, self.store, KeySettings(recovery_key_file=str(self.home / "key")), str(self.home / "state")
        )

    @property
    def component(self) -> str:
        return repository.component(CLUSTER, self.database)

    @property
    def environ(self) -> dict[str, str]:
        return {**self.server.environ, "TMPDIR": str(self.home / "tmp")}

    def world(self, *, hurry: float = 1.0) -> World:
        """Return the real world; `hurry` divides how long is slept."""
        return World(
            now=lambda: datetime.datetime.now(datetime.UTC),
            sleep=lambda seconds: time.sleep(seconds / hurry),
            environ=self.environ,
        )

    def request(self, **changes: t.Any) -> backup.BackupRequest:
        return asked.backup(self.settings, self.server.login, CLUSTER, self.database, **{"proof": "content", **changes})

    def back_up(self, world: World | None = None, **changes: t.Any) -> str:
        """Back up by the use case, and give the backup's id."""
        outcome = backup.back_up(self.request(**changes), world or self.world())
        return str(outcome.facts["backup"]["backup_id"])

    def module_arguments(self, **changes: t.Any) -> dict[str, t.Any]:
        """Return the options of module pg_backup for the same backup."""
        login = self.server.login
        return {
            "application": APPLICATION,
            "cluster": CLUSTER,
            "store": {key: value for key, value in dataclasses.asdict(self.store).items() if value is not None},
            "keys": {"recovery_key_file": str(self.home / "key")},
            "state_dir": str(self.home / "state"),
            "login_unix_socket": login.unix_socket,
            "login_port": login.port,
            "login_user": login.user,
            "login_db": self.database,
            "proof": "content",
            **changes,
        }

    def listed(self) -> list[str]:
        """Return the ids that the catalogue lists. A problem is a failure."""
        facts = listing.list_backups(listing.ListRequest(self.settings), self.world()).facts
        if facts["problems"]:
            raise AssertionError(f"the catalogue reports problems: {facts['problems']}")
        return [row["backup_id"] for row in facts["backups"]]

    def open(self) -> catalogue.Repository:
        return catalogue.open_repository(self.settings, self.world())

    def find(self, backup_id: str) -> catalogue.Backup:
        return self.open().find(self.component, backup_id)

    def verify(self, backup_id: str = "all") -> None:
        """Decrypt and decompress every byte; an error is a failure."""
        request = verification.VerifyRequest(
            self.settings, cluster=CLUSTER, database=self.database, backup=backup_id, level="opens"
        )
        verification.verify(request, self.world())

    @contextlib.contextmanager
    def restored(self, backup_id: str) -> Iterator[str]:
        """Restore by pg_restore alone into a database that exists inside the block, and give its name."""
        name = self.server.create(f"restored_{secrets.token_hex(6)}")
        try:
            found = self.find(backup_id)
            schema = b"".join(found.member(1))
            self._load(name, "pre-data", schema)
            for number in found.manifest.numbers[1:]:
                self._load(name, "data", b"".join(found.member(number)))
            self._load(name, "post-data", schema)
            yield name
        finally:
            self.server.drop(name)

    def _load(self, database: str, section: str, archive: bytes) -> None:
        self.server.program(
            "pg_restore", "--exit-on-error", f"--section={section}", f"--dbname={database}", stdin=archive
        )

    def differences(self, backup_id: str, restored: str) -> list[str]:
        """Compare a restored database with the backup's own proof, and give what fails."""
        source = self.find(backup_id).detail()["proof"]
        found = proof.take(self.server.login, restored, None, source["level"], like=source)
        return [str(difference) for difference in proof.compare(source, found) if not difference.note]

    def secrets_left(self, *texts: bytes) -> list[str]:
        """Return what may not be there: key bytes or marker in files outside of the database, or in `texts`."""
        needles = (*key_forms(self.key), self.marker.encode())
        places = [self.home / "tmp", self.home / "state"]
        if self.store.url.startswith("file://"):
            places.append(Path(self.store.url.removeprefix("file://")))
        found = [str(path) for path in _files(places) if holds(path.read_bytes(), needles)]
        return found + [f"text {index}" for index, text in enumerate(texts) if holds(text, needles)]

    def temporary_files(self) -> list[str]:
        return [str(path) for path in _files([self.home / "tmp"])]

    def unlisted_objects(self) -> list[str]:
        """Return the names of stored data that belongs to no listed backup, finished or not."""
        opened = self.open()
        listed = set(self.listed())
        names = [info.name for part in ("data", "details") for info in opened.store.list(f"{APPLICATION}/{part}/")]
        return [name for name in names if name.split("/")[2] not in listed]


def make(server: Cluster, database: str, home: Path, store: StoreSettings | None = None, marker: str = "") -> Fixture:
    """Make the directories and the key of a repository. Without `store` it is a directory below `home`."""
    for name in ("store", "state", "state/status", "tmp"):
        (home / name).mkdir(mode=0o700)
    key = os.urandom(32)
    write_secret(home / "key", key.hex())
    return Fixture(server, database, home, store or StoreSettings(f"file://{home}/store"), key, marker)


def write_secret(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")
    return path


def key_forms(key: bytes) -> tuple[bytes, ...]:
    """Return the ways in which a key could be written down somewhere."""
    text = key.hex().encode()
    return key, text, text.upper(), base64.b64encode(key).rstrip(b"="), base64.b64encode(text).rstrip(b"=")[:80]


def holds(data: bytes, needles: Iterable[bytes]) -> bool:
    return any(needle and needle in data for needle in needles)


def children_of_server(directory: str, program: str = "pg_dump") -> list[int]:
    """Return the processes of `program` that are connected to the server with its socket in `directory`."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == program:
                wanted = f"PGHOST={directory}\0".encode()
                if wanted in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def wait_until(condition: t.Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait for an event that has no handle to wait on."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about in {seconds} s")
        time.sleep(0.01)


def as_json(text: bytes) -> Mapping[str, t.Any]:
    """Read a module's result from its standard output."""
    return t.cast("Mapping[str, t.Any]", json.loads(text.decode().strip().splitlines()[-1]))


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        yield from (path for path in place.rglob("*") if path.is_file())
