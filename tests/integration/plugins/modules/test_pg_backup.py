# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong in practice, by module pg_backup: one sentence of cause, what to do, and nothing made or touched."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import threading
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    server as server_,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    quote_identifier,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.settings import Patience
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.modules import pg_backup
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster, ClusterFactory, DatabaseFactory
    from s3_fixtures import S3

SQL = "CREATE TABLE public.t AS SELECT n AS id, md5(n::text) AS body FROM generate_series(1, 3000) AS n"
KEY_VARIABLE = "BACKUP_ENCRYPTION_KEY"
NO_PATIENCE = Patience(connect=2, request=5, retries=1, retrying=5)


@dataclasses.dataclass
class Module:
    """Runs pg_backup in this process, as Ansible does in one of its own."""

    place: fault_fixtures.Fixture
    capsys: t.Any
    monkeypatch: pytest.MonkeyPatch

    def run(self, environ: dict[str, str] | None = None, **changes: t.Any) -> dict[str, t.Any]:
        """Return the module's result. An option that is None is left out."""
        options = {**self.place.module_arguments(), **changes}
        with self.monkeypatch.context() as patched:
            for name in [name for name in os.environ if name.startswith(("AWS_", "PG", "BACKUP_"))]:
                patched.delenv(name)
            for name, value in {"TMPDIR": str(self.place.home / "tmp"), **(environ or {})}.items():
                patched.setenv(name, value)
            with patch_module_args({k: v for k, v in options.items() if v is not None}), pytest.raises(SystemExit):
                pg_backup.main()
        result: dict[str, t.Any] = json.loads(self.capsys.readouterr().out)
        return result

    def refuses(self, error: str, cause: str, remedy: str, **changes: t.Any) -> dict[str, t.Any]:
        """Run, and make sure of the refusal: its class, both its sentences, and that it left nothing."""
        before = databases(self.place.server)
        result = self.run(**changes)
        assert result.get("failed"), result
        assert result["error"] == error, result["msg"]
        assert re.search(cause, result["msg"]), result["msg"]
        assert re.search(remedy, result["msg"]), result["msg"]
        assert len(re.findall(r"[.!:](?= |$)", result["msg"])) >= 2, result["msg"]
        assert "Traceback" not in result["msg"]
        assert result.get("exception") is None
        assert databases(self.place.server) == before
        assert not [path for path in (self.place.home / "store").rglob("*") if path.is_file()]
        assert not (self.place.home / "state" / "receipts.jsonl").exists()
        assert self.place.temporary_files() == []
        return result


def databases(server: Cluster) -> list[tuple[t.Any, ...]]:
    return server.execute("SELECT datname::text FROM pg_database ORDER BY 1")


@pytest.fixture
def module(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, capsys: t.Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Module]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    yield Module(fault_fixtures.make(cluster(), database(sql=SQL), tmp_path), capsys, monkeypatch)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_it_works_as_it_is_set_up_here(module: Module) -> None:
    """All other tests here change one thing."""
    result = module.run()

    assert result["changed"]
    assert module.place.listed() == [result["backup"]["backup_id"]]


# Keys


def test_without_a_key(module: Module) -> None:
    module.refuses("KeyRefused", r"^BACKUP_ENCRYPTION_KEY is required", "openssl rand -hex 32", keys=None)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "z" * 64, "ab" * 31 + "a", "ab" * 32 + "a", "0" * 64, "0123456789abcdef" * 4, "correct horse"],
)
def test_a_key_that_is_none(module: Module, text: str) -> None:
    result = module.refuses(
        "KeyRefused", "BACKUP_ENCRYPTION_KEY|key", "openssl rand -hex 32", keys=None, environ={KEY_VARIABLE: text}
    )

    assert not text or text not in result["msg"]


def test_a_key_file_that_others_may_read(module: Module) -> None:
    (module.place.home / "key").chmod(0o644)

    module.refuses("KeyRefused", "key.*(others|mode|readable)", "chmod|0600")


def test_a_key_file_that_is_missing(module: Module) -> None:
    keys = {"recovery_key_file": str(module.place.home / "nowhere")}

    module.refuses("KeyRefused", "nowhere", r"\w", keys=keys)


# PostgreSQL and its programs


def programs_in(module: Module, directory: Path) -> dict[str, str]:
    """Let programs be looked for in `directory` only."""
    module.monkeypatch.setattr(server_, "_DIRECTORIES", (f"{directory}/{{major}}",))
    return {"PATH": str(directory)}


def test_pg_dump_is_missing(module: Module, tmp_path: Path) -> None:
    module.refuses(
        "DatabaseError",
        r"pg_dump.*not installed",
        r"Install .*postgresql-client-\d+",
        environ=programs_in(module, tmp_path),
    )


def test_pg_dump_is_older_than_the_server(module: Module, tmp_path: Path) -> None:
    [(number,)] = module.place.server.execute("SELECT current_setting('server_version_num')::int / 10000")
    older = tmp_path / str(number) / "pg_dump"
    older.parent.mkdir()
    older.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    older.chmod(0o755)

    module.refuses("DatabaseError", r"Only version 9\.6", "Install", environ=programs_in(module, tmp_path))


def test_nothing_listens(module: Module) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for login in (
        {"login_unix_socket": None, "login_host": "127.0.0.1"},
        {"login_unix_socket": str(module.place.home), "login_host": None},
    ):
        module.refuses("DatabaseError", "listens", "Start", login_port=port, **login)


def test_a_wrong_password(module: Module) -> None:
    wrong = f"wrong-{secrets.token_hex(8)}"
    login = {"login_unix_socket": None, "login_host": "127.0.0.1", "login_password": wrong}

    result = module.refuses("DatabaseError", "rejected the password", "Correct login_password", **login)

    assert wrong not in json.dumps(result)


def test_a_role_without_the_rights(module: Module) -> None:
    server, role = module.place.server, f"weak_{secrets.token_hex(4)}"
    server.execute(f"CREATE ROLE {role} LOGIN")
    try:
        module.refuses("DatabaseError", f"{role}|may not|cannot", "(?i)grant .*pg_read_all_data", login_user=role)
    finally:
        server.execute(f"DROP ROLE {role}")


def test_an_empty_database(module: Module, database: DatabaseFactory) -> None:
    module.refuses("DatabaseError", "no tables", "login_db", login_db=database())


# Stores


def test_the_store_is_not_mounted(module: Module) -> None:
    missing = {"url": f"file://{module.place.home}/nowhere"}

    module.refuses("StoreError", "nowhere does not exist", "Mount", store=missing)

    assert not (module.place.home / "nowhere").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of its own, of 64 KiB: less than the backup needs."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("size", [4, 8, 16, 32, 48, 64])
def test_no_space_is_left(module: Module, small_disk: Path, size: int) -> None:
    store = {"url": f"file://{small_disk}"}
    subprocess.run(["mount", "-o", f"remount,size={size}k", str(small_disk)], check=True)

    result = module.refuses("Full", "No space left", "Free space", store=store)

    assert str(small_disk) in result["msg"]
    assert not [path for path in small_disk.rglob("*") if path.is_file()]
    free = os.statvfs(small_disk)
    assert free.f_bavail == free.f_blocks
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert module.run(store=store)["changed"]


def test_no_space_is_left_for_the_manifest_alone(module: Module, small_disk: Path) -> None:
    """The last file fails when all others are stored; they go, since nothing lists them."""
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    (small_disk / "shop" / "manifests").mkdir(parents=True)
    full = small_disk / "shop" / "manifests" / "main"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,mode=0700", "tmpfs", str(full)], check=True)
    try:
        (full / "filler").write_bytes(b"x" * 4096)
        result = module.refuses("Full", "No space left", "Free space", store={"url": f"file://{small_disk}"})
        assert str(full) in result["msg"]
    finally:
        subprocess.run(["umount", str(full)], check=True)
    assert not [path for path in small_disk.rglob("*") if path.is_file()]


def impatient(module: Module) -> None:
    open_store = factory.open_store
    module.monkeypatch.setattr(
        catalogue.factory,
        "open_store",
        lambda *given, **named: open_store(*given, **{**named, "patience": NO_PATIENCE}),
    )


def s3_store(s3: S3, **changes: t.Any) -> dict[str, t.Any]:
    settings = dataclasses.asdict(s3.settings(f"errors/{secrets.token_hex(6)}", **changes))
    return {key: value for key, value in settings.items() if value is not None}


@pytest.mark.parametrize(
    ("access", "cause"), [(False, "does not know the access key"), (True, "secret does not match")]
)
def test_wrong_s3_credentials(module: Module, s3: S3, access: bool, cause: str) -> None:
    right = dict(line.split(" = ", 1) for line in Path(s3.credentials_file).read_text().splitlines() if " = " in line)
    wrong = secrets.token_hex(20)
    keys = {"aws_access_key_id": right["aws_access_key_id"] if access else "NOBODY", "aws_secret_access_key": wrong}
    text = "[default]\n" + "".join(f"{name} = {value}\n" for name, value in keys.items())
    path = fault_fixtures.write_secret(module.place.home / "credentials", text)

    result = module.refuses(
        "AccessDenied", cause, "Check the access key", store=s3_store(s3, credentials_file=str(path))
    )

    assert wrong not in json.dumps(result)


def test_no_s3_credentials(module: Module, s3: S3) -> None:
    store = {**s3_store(s3), "credentials_file": str(module.place.home / "nowhere")}

    module.refuses("UsageError", "nowhere cannot be read", "Correct the path", store=store)


def test_a_bucket_that_does_not_exist(module: Module, s3: S3) -> None:
    store = {**s3_store(s3), "url": f"s3://missing-{secrets.token_hex(6)}/x"}

    module.refuses("StoreError", "bucket does not exist", "Create it", store=store)


def test_s3_is_unreachable(module: Module, s3: S3) -> None:
    impatient(module)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    result = module.refuses(
        "StoreError", "127.0.0.1", r"(?i)check|correct", store={**s3_store(s3), "endpoint": f"http://127.0.0.1:{port}"}
    )

    assert str(port) in result["msg"]


# Names that mean something to somebody

HOSTILE = [
    "host=127.0.0.1 port={port} dbname=postgres",
    "postgresql://127.0.0.1:{port}/postgres",
    "service=evil",
    "--file={file}",
    "-f{file}",
    "--version",
    "$(touch {file})",
    "`touch {file}`",
    "x;touch {file}",
    "x\ntouch {file}",
    "x'; DROP TABLE t; --",
    'x" ; DROP TABLE t; --',
    "../../x",
    "x\\! touch {file}",
    ".",
    "..",
    " ",
    "%s%n",
    "{{ lookup('pipe', 'touch {file}') }}",
]


class Trap:
    """Listens, and counts who comes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.visitors = 0
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        try:
            while True:
                self._listener.accept()[0].close()
                self.visitors += 1
        except OSError:
            return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_name(module: Module, name: str) -> None:
    """First there is no such database, then there is one: refused by name, then backed up, listed and restored."""
    place, server, trap = module.place, module.place.server, Trap()
    touched = place.home / "t"
    hostile = name.replace("{port}", str(trap.port)).replace("{file}", "t")
    os.chdir(place.home)
    before = sorted(path for path in place.home.rglob("*"))
    try:
        module.refuses("DatabaseError", "does not exist", "Correct login_db", login_db=hostile)
        # Nothing is left but the refusal's entry in the audit log.
        assert sorted(path for path in place.home.rglob("*") if path.name != "audit.jsonl") == before
        server.create(hostile)
        server.execute(SQL, hostile)
        result = module.run(login_db=hostile)
        assert result.get("changed"), result
        other = dataclasses.replace(place, database=hostile)
        assert other.listed() == [result["backup"]["backup_id"]]
        with other.restored("latest") as restored:
            assert other.differences("latest", restored) == []
            assert server.execute("SELECT count(*) FROM public.t", restored) == [(3000,)]
        assert server.execute("SELECT count(*) FROM public.t", place.database) == [(3000,)]
        assert trap.visitors == 0
        assert not touched.exists()
        outside = [path for path in place.home.rglob("*") if path.is_file() and path not in before]
        assert {path.relative_to(place.home).parts[0] for path in outside} <= {"store", "state"}
    finally:
        trap.close()
        os.chdir("/")
        server.execute(f"DROP DATABASE IF EXISTS {quote_identifier(hostile)} WITH (FORCE)")


def test_a_name_with_a_nul_is_refused(module: Module) -> None:
    """Later Ansible refuses it before the module's own code runs, because its log cannot hold it."""
    before = databases(module.place.server)
    assert module.run(login_db="a\0b").get("failed")
    assert databases(module.place.server) == before
    assert module.place.listed() == []


@pytest.mark.parametrize("name", ["", "x" * 64, "é" * 32])
def test_a_name_that_no_database_can_have(module: Module, name: str) -> None:
    module.refuses("UsageError", "login_db", r"\w", login_db=name)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "Shop", "shop\n", "-x", "x" * 64])
def test_a_hostile_application(module: Module, name: str) -> None:
    module.refuses("UsageError", "application", r"Use", application=name)


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a\nb", "%2e%2e"])
def test_a_hostile_cluster_stays_one_directory(module: Module, name: str) -> None:
    result = module.run(cluster=name)

    assert result["changed"]
    below = Path(module.place.home, "store", "shop", "manifests")
    assert [len(path.relative_to(below).parts) for path in below.rglob("*.json")] == [3]
    assert sorted(path.name for path in module.place.home.iterdir()) == ["key", "state", "store", "tmp"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_age", "soon"),
        ("min_bytes", "many"),
        ("jobs", 0),
        ("jobs", 100),
        ("max_shrink", 101),
        ("lock_timeout", "0s"),
        ("compression", "lzma"),
        ("proof_time_budget", "-1"),
        ("accept_warnings", ["("]),
        ("tables", ["public.t", 'a"b']),
        ("schemas", ["nowhere"]),
        ("store", {"url": "ftp://x/y"}),
        ("store", {"url": "s3://user:word@bucket/x"}),
        ("store", {"url": "file:///"}),
    ],
)
def test_a_value_that_cannot_be_meant(module: Module, option: str, value: t.Any) -> None:
    result = module.refuses("UsageError", r"\w", r"\w", **{option: value})

    assert "word" not in result["msg"]
