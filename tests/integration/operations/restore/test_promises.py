# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore and a validation promise to those who run them again, who refuse them, and who watch them."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

import asked
import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    restore_plan,
    staging_database,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors, status
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore.choice import Choice
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from restoring import CONFIRM, left_by_a_killed_run, ours

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def watching(restorer) -> t.Callable[[], list[status.Status]]:
    """Return what the status files say."""
    directory = restorer.state_dir / "status"
    directory.mkdir()
    return lambda: status.read_all(str(directory))


def test_tables_that_are_gone_again_are_restored_by_a_rerun_in_one_recovery(restorer, shop_backup, database):
    # Else an operator who dropped what he had restored is told that it is there.
    there = database()
    wanted = {"tables": ("customers",), "target_db": there, "recovery_id": "fire"}
    restorer.restore(shop_backup, "shop", **wanted)
    assert not restorer.restore(shop_backup, "shop", **wanted).changed
    restorer.sql("DROP TABLE customers", there)
    assert restorer.restore(shop_backup, "shop", **wanted).changed
    assert restorer.sql("SELECT count(*) FROM customers", there) == [(5000,)]


def test_in_place_makes_no_role_before_it_refuses(restorer, database, shop, monkeypatch):
    # Else "nothing was touched" is untrue: a server has logins with passwords that a refused restore made.
    source = database(
        sql="CREATE ROLE latecomer LOGIN; CREATE TABLE public.t (a int); ALTER TABLE public.t OWNER TO latecomer"
    )
    backup = restore_fakes.back_up(restorer.cluster, source)
    restorer.cluster.drop(source)
    restorer.sql("DROP ROLE latecomer")
    with contextlib.ExitStack() as stack:
        made = restorer._back_up

        def and_connect(request: t.Any, world: t.Any) -> t.Any:
            stack.enter_context(contextlib.closing(restorer.cluster.connect("shop")))
            return made(request, world)

        monkeypatch.setattr(restorer, "_back_up", and_connect)
        try:
            with pytest.raises(errors.Busy, match="in use"):
                restorer.restore(backup, "shop", confirm=CONFIRM, strategy="in_place", force_disconnect=False)
            assert restorer.sql("SELECT rolname FROM pg_roles WHERE rolname = 'latecomer'") == []
        finally:
            restorer.sql("DROP ROLE IF EXISTS latecomer")


def test_in_place_keeps_what_it_put_into_use_when_its_session_ends_then(restorer, shop, shop_backup, monkeypatch):
    # Else a database that is whole, proved and open to its users is dropped with what they wrote.
    swapped = restore_plan.swap.swap

    def and_end(session: staging_database.Session, **named: t.Any) -> None:
        swapped(session, **named)
        restorer.sql(f"SELECT pg_terminate_backend({session.connection.info.backend_pid})")

    monkeypatch.setattr(restore_plan.swap, "swap", and_end)
    with contextlib.suppress(errors.RecoveryError):
        restorer.restore(shop_backup, "shop", confirm=CONFIRM, strategy="in_place")
    assert "shop" in restorer.databases()
    assert restorer.sql("SELECT count(*) FROM orders", "shop") == [(9000,)]


def test_what_a_killed_run_left_is_dropped_by_a_rerun_that_has_nothing_to_do(restorer, shop, shop_backup):
    # Else the disk stays full of a staging database although docs/restore.md says that the next restore drops it.
    restorer.restore(shop_backup, "shop", confirm=CONFIRM, recovery_id="fire")
    kept = left_by_a_killed_run(restorer, "shop_lifeboat_00000001")
    assert not restorer.restore(shop_backup, "shop", recovery_id="fire").changed
    assert ours(restorer) == set()
    del kept


def test_an_emergency_backup_that_was_made_is_told_whatever_comes_then(restorer, shop, shop_backup, monkeypatch):
    # Else whoever reads "the emergency backup failed" makes another one, or goes on without any.
    def unreadable(_component: str, _backup_id: str) -> t.NoReturn:
        raise errors.StoreError("The store does not answer.", "Try again.")

    chosen = restorer._chosen(shop_backup)
    monkeypatch.setattr(restorer, "_chosen", lambda _backup: Choice(chosen.chain, unreadable))
    try:
        done = restorer.restore(shop_backup, "shop", confirm=CONFIRM, strategy="in_place")
        made = done.facts["restore"]["emergency_backup_id"]
    except errors.RecoveryError as exc:
        made = exc.details["emergency_backup_id"]
    assert made == "backup-emergency"


def test_a_restore_that_waits_for_another_is_not_shown_as_one_that_was_killed(
    restorer, shop, shop_backup, watching: t.Callable[[], list[status.Status]]
):
    # Else the doctor says of a refused run that it was interrupted, and `lifeboat status` that it runs.
    with staging_database.manage(restorer.cluster.login) as other:
        other.lock("into shop")
        with pytest.raises(errors.Busy):
            restorer.restore(shop_backup, "shop", confirm=CONFIRM)
    assert [run.phase for run in watching() if not run.result] == []


def test_a_restore_that_finds_no_server_is_not_shown_as_one_that_was_killed(
    restorer, shop_backup, watching: t.Callable[[], list[status.Status]]
):
    nowhere = dataclasses.replace(restorer.cluster.login, host="127.0.0.1", port=1)
    with pytest.raises(errors.DatabaseError):
        restorer.restore(shop_backup, "shop", login=nowhere)
    assert [run.phase for run in watching() if not run.result] == []


def test_a_rerun_that_has_nothing_to_do_leaves_the_status_of_what_was_done(
    restorer, shop_backup, watching: t.Callable[[], list[status.Status]]
):
    # Else the last restore is shown as one that read nothing.
    restorer.restore(shop_backup, "shop", target_db="fresh_shop", recovery_id="fire")
    before = watching()
    assert not restorer.restore(shop_backup, "shop", target_db="fresh_shop", recovery_id="fire").changed
    assert watching() == before


def test_no_stream_is_waited_for_that_a_restore_of_tables_never_reads(
    restorer, database, watching: t.Callable[[], list[status.Status]]
):
    # Else two small tables of a large database are shown to take hours, and never get to 100 percent.
    source = database(sql=restore_fakes.SHOP)
    backup = restore_fakes.back_up(restorer.cluster, source, threshold=200_000)
    restorer.restore(backup, source, tables=("orders",), target_db="few")
    (run,) = watching()
    assert {member.name: member.state for member in run.members if member.state == "waiting"} == {}


def test_the_result_of_a_restore_says_when_it_was_finished(restorer, shop_backup):
    # Else the key that is always there is null exactly where something was done.
    done = restorer.restore(shop_backup, "shop", target_db="fresh_shop", recovery_id="fire")
    again = restorer.restore(shop_backup, "shop", target_db="fresh_shop", recovery_id="fire")
    assert done.facts["restore"]["finished"] == again.facts["restore"]["finished"]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_backup_that_our_keys_do_not_open_is_refused_in_check_mode_too(restorer, shop_backup, dry_run: bool):
    # Else a rehearsal passes, and the night of the restore tells that the key is the wrong one.
    class Sealed(restore_fakes.Backup):
        def check_opens(self) -> None:
            raise errors.KeyRefused("No key here opens it.", "Give the right one.")

    sealed = Sealed(**{field.name: getattr(shop_backup, field.name) for field in dataclasses.fields(shop_backup)})
    settings = t.cast("t.Any", type("Settings", (), {"application": "shop", "state_dir": None, "place": ""})())
    request = asked.validation(settings, "main", "shop", login=restorer.cluster.login, target_db="postgres")
    world = restore_fakes.world(dry_run=dry_run, environ=restorer.cluster.environ)
    with pytest.raises(errors.KeyRefused):
        validation.validate_chain(request, world, [t.cast("t.Any", sealed)])


def test_a_note_of_the_cluster_that_words_were_compared_in_is_told(
    restorer, database, place: Path, monkeypatch: pytest.MonkeyPatch
):
    # Else nobody learns that a difference was judged with another locale than the source's.
    source = database(
        sql="CREATE TABLE public.t (a int); CREATE VIEW public.v AS SELECT a FROM public.t WHERE a IN (1, 2)"
    )
    backup = restore_fakes.back_up(restorer.cluster, source)
    objects = backup.details["proof"]["objects"]
    spoilt = {name: "0" if "view" in name else digest for name, digest in objects.items()}
    record = {**backup.details, "proof": {**backup.details["proof"], "objects": spoilt}}
    record["properties"] = {**record["properties"], "collate": "xx_XX.UTF-8", "ctype": "xx_XX.UTF-8", "provider": "c"}
    settings = t.cast("t.Any", type("Settings", (), {"application": "shop", "state_dir": None, "place": ""})())
    request = asked.validation(
        settings, "main", source, login=restorer.cluster.login, target_db=source, scratch_dir=str(place)
    )
    world = restore_fakes.world(environ=restorer.cluster.environ)
    spoilt_backup = dataclasses.replace(backup, details=record)
    try:
        notes = validation.validate_chain(request, world, [t.cast("t.Any", spoilt_backup)]).warnings
    except errors.ProofMismatch as exc:
        notes = exc.details["validation"]["notes"]
    assert any("is not available here" in note for note in notes), notes
