# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store, a host's memory and its schedule, made of real sealed backups of a few bytes: something to watch."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils import _module
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import lbx, seals
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import opening
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import codec, streams
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.monitor import collecting, metrics
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import (
    catalogue,
    inventory,
    manifest,
    receipts,
    trusted_keys,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import policy
from rendering import status_page

if t.TYPE_CHECKING:
    from pathlib import Path

APPLICATION = "shop"
KEY = "7f3a" * 2 + "0123456789abcdef" * 2 + "c41e9b02d85f6a37e6d0b1f4"
HOST = "db1.secret-network.example"
NOW = datetime.datetime(2026, 11, 21, 8, 0, tzinfo=datetime.UTC)

NIGHTLY = {
    "format": "lifeboat-schedule/1",
    "scheduler": "systemd",
    "zone": "UTC",
    "catch_up": True,
    "places": {"home": "/opt/lifeboat", "state_dir": "/var/lib/lifeboat", "log_dir": "/var/log/lifeboat", "wait": 60},
    "jobs": [{"name": "nightly", "job": "backup", "cron": "0 3 * * *", "user": "lifeboat", "variables": {}}],
}


@dataclasses.dataclass
class Shelf:
    """What is watched, below `home`. Times are given as hours before `now`."""

    home: Path
    now: datetime.datetime = NOW
    _numbers: int = 0

    def __post_init__(self) -> None:
        for name in ("store", "state", "config", "out"):
            (self.home / name).mkdir()
        self.key.touch(0o600)
        self.key.write_text(KEY + "\n")

    @property
    def key(self) -> Path:
        return self.home / "recovery.key"

    @property
    def path(self) -> Path:
        return self.home / "out" / "shop.prom"

    @property
    def settings(self) -> catalogue.RepositorySettings:
        return catalogue.RepositorySettings(
            application=APPLICATION,
            store=opening.StoreSettings(url=f"file://{self.home}/store"),
            keys=trusted_keys.KeySettings(recovery_key_file=str(self.key)),
            state_dir=str(self.home / "state"),
        )

    def world(self, *, dry_run: bool = False) -> World:
        return World(now=lambda: self.now, sleep=lambda _seconds: None, environ={}, dry_run=dry_run)

    def back_up(
        self,
        database: str = "shop",
        hours: float = 5,
        *,
        cluster: str = "main",
        data: int = 1 << 20,
        files: int = 2,
        scope: str = "full",
        reason: str = "scheduled",
        seconds: float = 18,
        receipt: bool = True,
        token: str = "",
    ) -> str:
        """Store a backup that ended so many hours ago, sealed as a real one. Return its id, which ends in `token`."""
        at = self.now - datetime.timedelta(hours=hours)
        started = at - datetime.timedelta(seconds=seconds)
        component = repository.component(cluster, database)
        store = opening.open_store(self.settings.store, environ={})
        writer = trusted_keys.load(self.settings.keys, store, APPLICATION).writer(component, at)
        self._numbers += 1
        identity = repository.backup_id(started, token or f"{self._numbers:016x}")
        stored = []
        for member in ["detail", *(f"{number:04d}" for number in range(1, files))]:
            number = int(member) if member.isdigit() else 0
            name = repository.member(APPLICATION, identity, number) if number else ""
            name = name or repository.detail(APPLICATION, identity, member)
            plain = codec.compress(streams.Peekable(iter([b"{}"])), codec.Codec.parse("zstd"))
            sealed = lbx.SealedFile(name, plain, writer)
            store.put(name, iter(sealed))
            size = data if number == 1 else 2
            stored.append(
                manifest.File(name, member, 1, sealed.size, sealed.sha256, sealed.head_sha256, plain_size=size)
            )
        record = manifest.Manifest(
            application=APPLICATION,
            backup_id=identity,
            component=component,
            kind="logical",
            scope=scope,
            reason=reason,
            proof="counts",
            started=started,
            finished=at,
            versions={"server": "17.0"},
            recipients=tuple(recipient.kid for recipient in writer.recipients),
            parents=(),
            files=tuple(stored),
        )
        envelope = seals.seal_record("manifest", record.payload(), [writer.signer])
        store.put_new(repository.manifest(APPLICATION, component, identity), envelope)
        if receipt:
            receipts.Receipts(str(self.home / "state")).add(
                receipts.Receipt(
                    application=APPLICATION,
                    component=component,
                    backup_id=identity,
                    manifest_sha256=hashlib.sha256(envelope).hexdigest(),
                    scope=scope,
                    reason=reason,
                    began=started.isoformat(),
                    finished=at.isoformat(),
                    size=record.size,
                    plain_size=record.plain_size,
                )
            )
        return identity

    def log(
        self,
        operation: str,
        result: str = "ok",
        hours: float = 5,
        *,
        component: str = "main/shop",
        backup_id: str = "",
        seconds: float = 18,
        message: str = "",
        application: str = APPLICATION,
        **facts: audit.Fact,
    ) -> None:
        """Write an entry into the audit log."""
        audit.AuditLog(str(self.home / "state")).append(
            audit.Event(
                time=self.now - datetime.timedelta(hours=hours),
                operation=operation,
                result=result,
                host=HOST,
                user="lifeboat",
                application=application,
                component=component,
                backup_id=backup_id,
                reason="scheduled",
                seconds=seconds,
                message=message,
                facts={"changed": True, **facts},
            )
        )

    def validated(self, identity: str, hours: float = 1, component: str = "main/shop") -> None:
        """Write that a backup was restored and compared."""
        self.log("validation", hours=hours, component=component, backup_id=identity, mode="scratch", proof="counts")

    def server(self, *wanted: str, left_out: tuple[str, ...] = (), hours: float = 1, cluster: str = "main") -> None:
        """Remember that the server was asked for its databases so many hours ago."""
        asked = (self.now - datetime.timedelta(hours=hours)).isoformat()
        inventory.Inventories(str(self.home / "state")).add(
            inventory.Inventory(APPLICATION, cluster, asked, list(wanted), list(left_out))
        )

    def schedule(self, document: dict[str, t.Any] | None = None, *, hours: float = 1000) -> None:
        """Write a schedule so many hours ago."""
        path = self.home / "config" / "schedule.json"
        path.write_text(json.dumps(document or NIGHTLY))
        at = (self.now - datetime.timedelta(hours=hours)).timestamp()
        os.utime(path, (at, at))

    def request(self, **values: t.Any) -> metrics.WatchRequest:
        """Return a request; `path` and the ages are its own, other values those of its sources."""
        own = {name: values.pop(name) for name in ("path", "restore_tested_age", "stale_age") if name in values}
        values = {"repository": self.settings, "config_dir": str(self.home / "config"), "cluster": "main", **values}
        if "policy" in values:
            values["policy"] = policy.parse(values["policy"])
        return metrics.WatchRequest(**{"path": str(self.path), "sources": collecting.Sources(**values), **own})

    def watch(self, *, dry_run: bool = False, **values: t.Any) -> t.Any:
        """Write metrics and give the outcome."""
        return metrics.watch(self.request(**values), self.world(dry_run=dry_run))

    def html(self, *, causes: bool = False, **values: t.Any) -> str:
        """Return the status page, as the role writes it."""
        return status_page(_module.success(self.watch(**values), with_diff=False), causes=causes)

    def values(self, **values: t.Any) -> dict[str, float]:
        """Write metrics and give each by its name and labels as they stand in the file."""
        self.watch(**values)
        return values_of(self.path.read_text(encoding="utf-8"))


def values_of(text: str) -> dict[str, float]:
    """Return the samples of an exposition by their names and labels."""
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _space, value in lines}
