# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the doctor says of a real server whose log is archived, and of each way in which that breaks."""

from __future__ import annotations

import dataclasses
import json
import secrets
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import physical_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keyfile, trust
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import RecoveryKey, Signer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.local_keys import KeySettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.host_state import WAL_SETTINGS
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor import doctor
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor.check import ExamineRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import objectives
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import trusted_keys
from faults import fault_fixtures
from pair_fixtures import as_owner

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor.check import Check
    from physical_fixtures import Physical

CHECKS = ("archive_files", "archive_signer", "archive_timeout", "archiving", "replication_slots")
SCRIPT = '#!/bin/sh\ncp "$3" {0}/archived/.copied && mv {0}/archived/.copied "{0}/archived/${{3##*/}}"\n'


@dataclasses.dataclass
class Host:
    """A server whose archive_command is a program of our name, which copies to where the fixture pushes from."""

    physical: Physical

    @property
    def program(self) -> Path:
        return Path(self.physical.server.directory, "lifeboat")

    @property
    def config(self) -> Path:
        return self.physical.place.home / "etc"

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self.physical.server.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.physical.server.execute("SELECT pg_reload_conf()")
        for name, value in settings.items():
            shown = f"SELECT setting FROM pg_settings WHERE name = '{name}'"
            fault_fixtures.wait_until(lambda: self.physical.server.execute(shown) == [(value,)], name)  # noqa: B023

    def checks(self, keys: KeySettings | None = None, **changes: t.Any) -> dict[str, list[Check]]:
        """Return the checks of the archive by their names."""
        settings = self.physical.place.settings
        request = ExamineRequest(
            repository=dataclasses.replace(settings, keys=keys) if keys else settings,
            cluster="main",
            login=self.physical.server.login,
            config_dir=str(self.config),
            only=CHECKS,
            fail_on="never",
        )
        found: dict[str, list[Check]] = {}
        for check in doctor.make_checks(dataclasses.replace(request, **changes), self.physical.place.world()):
            found.setdefault(check.name, []).append(check)
        return found

    def one(self, name: str, **changes: t.Any) -> Check:
        [check] = self.checks(**changes)[name]
        return check

    def write_settings(self, **changes: t.Any) -> Path:
        """Write what the role writes, and keys beside it."""
        path = Path(WAL_SETTINGS.path(str(self.config), cluster="main"))
        path.parent.mkdir(parents=True, exist_ok=True)
        server = self.physical.server
        (path.parent / "signer.json").unlink(missing_ok=True)
        keyfile.write(str(path.parent / "signer.json"), [keyfile.record("signer", Signer.generate().secret)])
        told = {
            "format": "lifeboat-wal/1",
            "application": "shop",
            "cluster": "main",
            "system_identifier": str(server.execute("SELECT system_identifier FROM pg_control_system()")[0][0]),
            "segment_size": physical_fixtures.SIZE,
            "data_directory": f"{server.directory}/data",
            "store": {"url": self.physical.place.store.url},
            "keys": {"signer_file": str(path.parent / "signer.json"), "roots": []},
            "compression": "zstd:1",
            "batch": 16,
            "jobs": 2,
        }
        path.write_text(json.dumps(told | changes))
        return path


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with physical_fixtures.running(tmp_path_factory.mktemp("doctor"), archive_mode="on") as physical:
        made = Host(physical)
        with as_owner():
            made.program.write_text(SCRIPT.format(physical.server.directory))
            made.program.chmod(0o755)
        yield made


@pytest.fixture
def host(started: Host) -> Host:
    """The host in order, with a segment that was archived."""
    server = started.physical.server
    started.set(archive_command=f"{started.program} wal-push main %p", archive_timeout="300")
    started.physical.write()
    started.physical.archive_all()
    archived = "SELECT last_archived_time > coalesce(last_failed_time, '-infinity') FROM pg_stat_archiver"
    fault_fixtures.wait_until(lambda: server.execute(archived) == [(True,)], "what the archiver tells")
    return started


def test_an_archive_that_works(host: Host) -> None:
    found = {name: [check.result for check in checks] for name, checks in host.checks().items()}
    assert found == {"archiving": ["ok"], "archive_timeout": ["ok"], "replication_slots": ["ok"]}


def test_a_server_that_nobody_set_up_is_not_spoken_of(host: Host) -> None:
    host.set(archive_command="/bin/true")
    assert host.checks() == {}


def test_a_command_of_somebody_else(host: Host) -> None:
    path = host.write_settings()
    host.set(archive_command="cp %p /nowhere/secret")
    check = host.one("archiving")
    assert check.result == "failed"
    assert "lifeboat_wal_replace_archive_command" in check.remedy
    assert "secret" not in check.cause + check.remedy
    path.unlink()
    (path.parent / "signer.json").unlink()
    path.parent.rmdir()


def test_a_command_that_is_gone(host: Host) -> None:
    host.set(archive_command="/nowhere/lifeboat wal-push main %p")
    causes = [check.cause for check in host.checks()["archiving"] if check.result == "failed"]
    assert "archive_command runs /nowhere/lifeboat, which is missing or not executable." in causes


def test_a_command_that_fails(host: Host) -> None:
    host.program.rename(host.program.with_name("away"))
    try:
        with as_owner():
            host.program.write_text("#!/bin/sh\nexit 1\n")
            host.program.chmod(0o755)
        server = host.physical.server
        server.execute("CREATE TABLE IF NOT EXISTS public.fails (id int)")
        server.execute("INSERT INTO public.fails VALUES (1)")
        name = server.execute("SELECT pg_walfile_name(pg_switch_wal())")[0][0]
        failed = "SELECT last_failed_wal FROM pg_stat_archiver WHERE last_failed_time > last_archived_time"
        fault_fixtures.wait_until(lambda: bool(server.execute(failed)), "the failure of archive_command")
        check = host.one("archiving")
        assert check.result == "failed"
        assert name in check.cause
        assert "lifeboat.recovery.archiving" in check.remedy
    finally:
        host.program.with_name("away").rename(host.program)


def test_a_role_that_may_not_see_the_archiver(host: Host) -> None:
    server = host.physical.server
    server.execute("CREATE ROLE blind LOGIN")
    try:
        check = host.one("archiving", login=dataclasses.replace(server.login, user="blind"))
        assert check.result == "warning"
        assert "lifeboat.recovery.install" in check.remedy
    finally:
        server.execute("DROP ROLE blind")


def test_the_objective_is_compared_with_archive_timeout(host: Host) -> None:
    told = objectives.parse({"database": {"rpo": "4m"}})
    check = host.one("archive_timeout", objectives=told)
    assert (check.result, "lifeboat_archive_timeout" in check.remedy) == ("warning", True)
    host.set(archive_timeout="60")
    assert host.one("archive_timeout", objectives=told).result == "ok"
    host.set(archive_timeout="0")
    assert host.one("archive_timeout").result == "warning"


def test_a_slot_that_could_fill_the_disk(host: Host) -> None:
    server = host.physical.server
    server.execute("SELECT pg_create_physical_replication_slot('standby')")
    try:
        assert "max_slot_wal_keep_size is -1" in host.one("replication_slots").cause
        host.set(max_slot_wal_keep_size="64")
        assert host.one("replication_slots").result == "ok"
    finally:
        server.execute("SELECT pg_drop_replication_slot('standby')")
        host.set(max_slot_wal_keep_size="-1")


def test_the_files_of_the_server_s_user(host: Host) -> None:
    path = host.write_settings()
    assert host.one("archive_files").result == "ok"
    (path.parent / "signer.json").chmod(0o640)
    check = host.one("archive_files")
    assert (check.result, "chmod 0600" in check.remedy) == ("failed", True)
    host.write_settings(data_directory="/srv/elsewhere")
    check = host.one("archive_files")
    assert check.result == "failed"
    assert "/srv/elsewhere" in check.cause
    path.write_text("{}")
    assert host.one("archive_files").result == "failed"


@pytest.mark.parametrize(("until", "result"), [(None, "ok"), (timedelta(days=9), "warning"), (timedelta(0), "failed")])
def test_the_signer_of_the_log(host: Host, tmp_path: Path, until: timedelta | None, result: str) -> None:
    """A trust file lists the signer that pushes, for ever, for some days, or no longer."""
    physical, now = host.physical, datetime.now(UTC)
    recovery, signer = RecoveryKey.generate(), Signer.generate()
    keyfile.write(str(tmp_path / "signer.json"), [keyfile.record("signer", signer.secret)])
    keyfile.write(str(tmp_path / "digest.json"), [keyfile.record("digest", secrets.token_bytes(32))])
    (tmp_path / "store").mkdir()
    store = dataclasses.replace(physical.place.store, url=f"file://{tmp_path}/store")
    place = dataclasses.replace(physical.place, store=store, home=tmp_path)
    keys = KeySettings(
        signer_file=str(tmp_path / "signer.json"),
        digest_key_file=str(tmp_path / "digest.json"),
        roots=(recovery.root.public.hex(),),
    )
    identifier = str(physical.server.execute("SELECT system_identifier FROM pg_control_system()")[0][0])
    began = now - timedelta(days=30)

    def issue(serial: int, end: datetime | None) -> None:
        entry = trust.SignerEntry(signer.public, (f"wal/{identifier}",), began, end)
        made = trust.TrustFile(fault_fixtures.APPLICATION, serial, began, (recovery.opening.recipient,), (entry,))
        name = trusted_keys.trust_name(fault_fixtures.APPLICATION, serial)
        opened.put_new(name, trust.sign(made, [recovery.root]))

    opened = factory.open_store(store, environ={})
    issue(1, None)
    physical_fixtures.Physical(place).store_wal(keys)
    if until is not None:
        issue(2, now + until)
    check = Host(physical_fixtures.Physical(place)).one("archive_signer", keys=keys)
    assert check.result == result
