# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""wal-push to a bucket: whatever network and server do, 0 is said of what can be read back, and of nothing else."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import subprocess
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import AccessDenied, NotFound
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal import fetching
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import trusted_keys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import reading
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.contents import Server
from bucket_fixtures import Place, owner, place, proxy, user
from faultproxy import Fault
from wal_fixtures import SIZE, SYSTEM, Archive, archive, segment

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from faultproxy import FaultProxy

__all__ = ["archive", "owner", "place", "proxy", "user"]

FIRST, SECOND, THIRD = (f"00000001000000000000000{number}" for number in (1, 2, 3))
KILLS = 12


@dataclasses.dataclass
class Bucket:
    """An archive whose store is a bucket."""

    archive: Archive
    place: Place

    def push(self, name: str, content: bytes | None = None) -> int:
        return self.archive.push(self.archive.write(name, content))

    def through(self, endpoint: str = "", credentials: str = "") -> None:
        """Let wal-push take this way to the store."""
        changes = {"endpoint": endpoint} if endpoint else {}
        found = self.place.settings(**changes, **({"credentials_file": credentials} if credentials else {}))
        self.archive.configure(store={name: value for name, value in dataclasses.asdict(found).items() if value})

    def holds(self, name: str, tmp: str) -> bool:
        """Whether a file can be read back, and is what it was."""
        store = factory.open_store(self.place.settings(), environ={})
        held = trusted_keys.load(
            trusted_keys.KeySettings(recovery_key_file=str(self.archive.home / "recovery.key")), store, "shop"
        )
        with contextlib.suppress(NotFound):
            if fetching.fetch(reading.WalReader(store, held, Server(SYSTEM, SIZE)), name, tmp):
                with open(tmp, "rb") as file:
                    return file.read() == segment(name)
        return False


@pytest.fixture
def bucket(archive: Archive, place: Place) -> Bucket:
    place.client.create_bucket(Bucket=place.name)
    archive.reader()  # writes the recovery key
    store = factory.open_store(place.settings(), environ={})
    trust = trusted_keys.trust_name("shop", 1)
    store.put_new(trust, b"".join(archive.store.get(trust)))
    made = Bucket(archive, place)
    made.through()
    return made


def narrow(place: Place) -> dict[str, t.Any]:
    """Return a policy for the server's own user: it writes and reads its log, and reads trust."""
    everything = f"arn:aws:s3:::{place.name}"
    prefix = f"{everything}/pre/shop"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [everything]},
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"{prefix}/trust/*", f"{prefix}/wal/*"]},
            {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [f"{prefix}/wal/{SYSTEM}/*"]},
        ],
    }


def test_rights_to_its_own_log_are_enough_and_delete_nothing(
    bucket: Bucket, user: Callable[[dict[str, t.Any]], str], tmp_path: t.Any
) -> None:
    credentials = user(narrow(bucket.place))
    bucket.through(credentials=credentials)
    assert (bucket.push(FIRST), bucket.push(FIRST)) == (0, 0)
    assert bucket.push(FIRST, segment(FIRST, fill=b"other")) == 6
    assert bucket.holds(FIRST, str(tmp_path / "x"))
    store = factory.open_store(bucket.place.settings(credentials_file=credentials), environ={})
    with pytest.raises(AccessDenied):
        store.put("shop/manifests/main/shop/x.json", [b""])
    with pytest.raises(AccessDenied):
        store.delete(f"shop/wal/{SYSTEM}/00000001/00000000/{FIRST}.lbx")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PUT .*wal", times=1),
        Fault("PUT .*wal", times=1, cut_request=1000),
        Fault("PUT .*wal", times=1, swallow=True),
        Fault("PUT .*wal", times=1, answer=(503, b"")),
        Fault("PUT .*wal", answer=(200, b"")),
        Fault("PUT .*wal", answer=(507, b"")),
        Fault("PUT .*wal", swallow=True),
        Fault("GET .*(trust|list-type)"),
    ],
    ids=["cut", "cut_body", "lost_answer", "busy", "liar", "full", "mute", "no_trust"],
)
def test_what_is_said_to_be_stored_can_be_read(
    bucket: Bucket, proxy: FaultProxy, fault: Fault, tmp_path: t.Any
) -> None:
    bucket.through(endpoint=proxy.endpoint)
    proxy.add(fault)
    for name in (FIRST, SECOND):
        bucket.archive.write(name)
    statuses = [bucket.archive.push(f"pg_wal/{name}") for name in (FIRST, SECOND)]
    assert proxy.struck
    for name, status in zip((FIRST, SECOND), statuses, strict=True):
        assert status in range(125)
        assert bucket.holds(name, str(tmp_path / "x")) or status != 0, f"{name} was said to be stored"
    assert statuses == [0, 0] or fault.times > 1
    proxy.reset()
    assert [bucket.archive.push(f"pg_wal/{name}") for name in (FIRST, SECOND)] == [0, 0]
    assert all(bucket.holds(name, str(tmp_path / "x")) for name in (FIRST, SECOND))
    ready = bucket.archive.pg_wal / "archive_status"
    assert sorted(path.name for path in ready.iterdir()) == [f"{FIRST}.ready", f"{SECOND}.ready"]


def test_a_store_that_is_down_is_a_failure_that_is_counted(bucket: Bucket, capfd: t.Any) -> None:
    bucket.through(endpoint="http://127.0.0.1:9")
    assert bucket.push(FIRST) == 4
    assert "cannot be reached" in capfd.readouterr().err


def test_a_call_that_is_killed_at_any_moment_leaves_nothing_that_is_not_so(bucket: Bucket, tmp_path: t.Any) -> None:
    chance = random.Random(20261201)
    for kill in range(KILLS):
        names = [f"0000000100000000000001{2 * kill + number:02X}" for number in range(2)]
        for name in names:
            bucket.archive.write(name)
        pushing = bucket.archive.pushing(f"pg_wal/{names[0]}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            pushing.wait(chance.uniform(0, 0.4))
        pushing.kill()
        pushing.wait()
        for name in names:
            noted = (bucket.archive.spool / f"{name}.ok").exists()
            assert bucket.holds(name, str(tmp_path / "x")) or not noted, f"{name} has a note, and is not stored"
        assert [bucket.archive.push(f"pg_wal/{name}") for name in names] == [0, 0]
        assert all(bucket.holds(name, str(tmp_path / "x")) for name in names)
        for name in names:
            (bucket.archive.pg_wal / "archive_status" / f"{name}.ready").unlink()
