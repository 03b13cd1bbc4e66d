# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run begins a recovery or goes on with it, and what was chosen once stays."""

from __future__ import annotations

import dataclasses
import datetime
import secrets
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keyfile
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import Signer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.trust import SignerEntry
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    Busy,
    KeyRefused,
    NotFound,
    StoreError,
    Tampered,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.mark import marking
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.recover import opening
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import (
    catalogue,
    trusted_keys,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import store_lock
from recovery_fixtures import STEPS, controller, plan

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Done
    from recovery_fixtures import Controller
    from sample_host import SampleHost


def later(here: Controller, hours: float) -> t.Any:
    now = here.world.now() + datetime.timedelta(hours=hours)
    return dataclasses.replace(here.world, now=lambda: now)


def test_a_recovery_begins_with_the_newest_backup(sample: SampleHost, here: Controller) -> None:
    newest = sample.back_up(hours=2)
    sample.back_up("orders", hours=3)
    found = here.open(reason="db1 is dead", replace={"db1": "spare1"})
    assert found["id"].startswith(f"recovery-{sample.now:%Y%m%dT%H%M%SZ}-")
    assert {name: point["backup_id"] for name, point in found["points"].items()}["main/shop"] == newest
    assert set(found["points"]) == {"main/shop", "main/orders"}
    assert (found["resumed"], found["finished"], found["plan"]) == (False, False, "data_loss")
    assert found["replace"] == {"db1": "spare1"}
    assert found["incident_at"] == found["started"]


def test_the_forecast_is_by_earlier_recoveries_and_pinned(here: Controller) -> None:
    first = here.open()
    assert first["forecast"]["restore"]["runs"] == 0
    here.done(*STEPS)
    here.close()
    for more in ({"world": dataclasses.replace(here.world, dry_run=True)}, {}):
        again = here.opened(recovery_id="new", **more).facts
        assert again["recovery"]["forecast"] == {step: {"seconds": 0, "error": None, "runs": 1} for step in STEPS}
        assert again["summary"].endswith("begins. Forecast: 0 s (1 run).")
    assert (
        here.opened(recovery_id=again["recovery"]["id"]).facts["recovery"]["forecast"] == again["recovery"]["forecast"]
    )


def test_a_later_run_goes_on_with_what_was_chosen(sample: SampleHost, here: Controller) -> None:
    first = here.open(replace={"db1": "spare1"}, incident_at=sample.now - datetime.timedelta(hours=1))
    here.done("provision")
    here.begin("restore")
    here.end("restore", "failed")
    here.leave()
    sample.back_up(hours=0.1)
    again = here.open(replace={"web1": "spare2"})
    assert (again["id"], again["resumed"]) == (first["id"], True)
    assert again["points"] == first["points"]
    assert again["replace"] == {"db1": "spare1", "web1": "spare2"}
    assert again["incident_at"] == first["incident_at"] != first["started"]
    assert (again["settled"], again["failed"]) == ({"provision": "ok"}, ["restore"])
    assert again["run"] != first["run"]


def test_what_is_said_of_all_components(sample: SampleHost, here: Controller) -> None:
    first = sample.back_up(hours=3)
    orders = sample.back_up("orders", hours=3)
    sample.back_up(hours=1)
    time = sample.now - datetime.timedelta(hours=2)
    found = here.open(points={"*": f"latest before {time:%Y-%m-%dT%H:%M:%SZ}"})
    assert {name: point["backup_id"] for name, point in found["points"].items()} == {
        "main/shop": first,
        "main/orders": orders,
    }
    here.leave()
    with pytest.raises(NotFound, match="no backup backup-20200101T000000Z-0123456789abcdef of shop"):
        here.opened(points={"*": "backup-20200101T000000Z-0123456789abcdef"})


def test_an_id_is_the_backup_of_one_component(sample: SampleHost, here: Controller) -> None:
    older = sample.back_up(hours=7)
    sample.back_up("orders", hours=3)
    before = here.open()["points"]
    here.leave()
    after = here.open(points={"*": older})["points"]
    assert after["main/shop"]["backup_id"] == older != before["main/shop"]["backup_id"]
    assert after["main/orders"] == before["main/orders"]


def test_what_is_restored_comes_from_no_other_backup(sample: SampleHost, here: Controller) -> None:
    older = sample.back_up(hours=7)
    chosen = here.open()["points"]["main/shop"]["backup_id"]
    here.done("restore")
    here.leave()
    with pytest.raises(
        UsageError, match=r"Step restore of recovery-.* is done, so nothing else is restored for main/shop"
    ):
        here.opened(points={"*": older})
    assert here.open(points={"*": chosen})["resumed"]


def test_a_host_that_was_replaced_stays_replaced(here: Controller) -> None:
    here.open(replace={"db1": "spare1"})
    here.leave()
    with pytest.raises(UsageError, match="db1 was replaced by spare1 in this recovery, not by spare2"):
        here.opened(replace={"db1": "spare2"})


def test_the_same_hosts_change_their_parts_until_it_is_over(here: Controller) -> None:
    first = here.open(failover={"db1": "db2"})
    here.leave()
    for given in ({}, {"db2": "db1"}):
        with pytest.raises(UsageError, match=r"failover: recovery-.* began with {db1: db2}"):
            here.opened(failover=given)
    again = here.open(failover={"db1": "db2"})
    assert (again["id"], again["failover"]) == (first["id"], {"db1": "db2"})
    here.done(*STEPS)
    here.close()
    assert not here.opened(failover={"db1": "db2"}).changed
    assert here.open(failover={"db2": "db1"})["id"] != first["id"]


def test_a_step_that_is_done_must_not_become_another(here: Controller) -> None:
    here.open()
    here.done("provision")
    here.leave()
    with pytest.raises(UsageError, match="step provision is done, and is another one now"):
        here.opened(plan=plan(provision="2"))
    with pytest.raises(UsageError, match="step provision is done"):
        here.opened(plan=plan(steps=("restore", "dns")))
    assert here.open(plan=plan(restore="2"))["plan_changed"] == ["restore"]


def test_a_finished_recovery_is_left_alone_for_a_day(here: Controller) -> None:
    first = here.open()
    here.done(*STEPS)
    here.close()
    outcome = here.opened()
    assert (outcome.changed, outcome.facts["recovery"]["finished"]) == (False, True)
    assert outcome.facts["recovery"]["id"] == first["id"]
    assert here.opened(world=later(here, 23)).facts["recovery"]["id"] == first["id"]
    assert here.opened(world=later(here, 25)).facts["recovery"]["id"] != first["id"]


def test_another_recovery_begins_when_that_is_said(here: Controller) -> None:
    first = here.open()
    here.done(*STEPS)
    here.close()
    assert here.opened(recovery_id="new").facts["recovery"]["id"] != first["id"]


def test_an_approval_counts_for_this_recovery(here: Controller) -> None:
    with pytest.raises(UsageError, match="data_loss has no step 'restor'"):
        here.opened(approve=("restor",))
    assert here.open(approve=("dns",))["approved"] == ["dns"]
    here.leave("waiting")
    assert here.open(approve=("dns", "restore"))["approved"] == ["dns", "restore"]
    approvals = here.journal().state.approvals
    assert [(each.step, each.by) for each in approvals] == [("dns", "alice"), ("restore", "alice")]


def test_a_drill_and_a_recovery_do_not_see_one_another(here: Controller) -> None:
    drill = here.open(mode="drill")
    here.done("provision")
    here.leave()
    assert here.open()["resumed"] is False
    here.leave()
    assert here.open(mode="drill")["id"] != drill["id"]


def test_check_mode_tells_all_of_it_and_writes_nothing(sample: SampleHost, here: Controller) -> None:
    def written() -> set[str]:
        return {str(path) for path in sample.home.rglob("*")}

    before = written()
    outcome = here.opened(world=sample.world(dry_run=True), approve=("dns",))
    found = outcome.facts["recovery"]
    assert (found["id"], outcome.changed, written()) == ("simulated", True, before)
    assert (found["approved"], set(found["points"])) == (["dns"], {"main/shop"})
    assert "main/shop: backup-" in outcome.after
    here.open()
    here.done("provision")
    here.leave()
    before = written()
    resumed = here.opened(world=sample.world(dry_run=True)).facts["recovery"]
    assert (resumed["resumed"], resumed["settled"], written()) == (True, {"provision": "ok"}, before)


def test_the_process_must_live_here(here: Controller) -> None:
    with pytest.raises(UsageError, match="there is no process 4194305 on this host"):
        here.opened(pid=2**22 + 1)


def test_a_plan_is_described_completely() -> None:
    whole = {
        "name": "a",
        "digest": "b",
        "steps": [{"id": "c", "digest": "d", "type": "e", "hosts": [], "component": "", "stage": 1}],
    }
    assert opening.plan(whole).steps[0].id == "c"
    for name in whole:
        with pytest.raises(UsageError, match="plan is not a plan"):
            opening.plan({key: value for key, value in whole.items() if key != name})


def test_without_the_store_a_recovery_begins_only_when_that_is_said(sample: SampleHost, here: Controller) -> None:
    store = sample.home / "store"
    store.rename(sample.home / "away")
    with pytest.raises(StoreError, match="journal: local"):
        here.opened()
    outcome = here.opened(journal="local")
    assert outcome.facts["recovery"]["points"] == {}
    assert "No recovery point was chosen" in outcome.warnings[0]
    here.open(journal="local")
    assert here.opened().facts["recovery"]["resumed"], "this host has the journal"


def test_journal_local_needs_a_place_on_this_host(here: Controller) -> None:
    here.settings = dataclasses.replace(here.settings, state_dir=None)
    with pytest.raises(UsageError, match="needs a directory on this host"):
        here.opened(journal="local")
    here.open()
    here.done("provision")
    assert here.read()["settled"] == {"provision": "ok"}


def test_the_gap_is_uploaded_when_the_store_is_back(sample: SampleHost, here: Controller) -> None:
    here.open()
    store = sample.home / "store"
    store.rename(sample.home / "away")
    assert "is only on this host" in here.begin("provision").warnings[0]
    here.end("provision")
    with pytest.raises(StoreError, match="journal: local"):
        here.begin("dns", exclusive=True)
    (sample.home / "away").rename(store)
    assert here.begin("restore").warnings == ()
    there = controller(sample, "there")
    there.recovery_id = here.recovery_id
    assert there.read() == here.read()
    store.rename(sample.home / "away")
    here.begin("dns", exclusive=True, journal="local")


def trusting(sample: SampleHost, tmp_path: Path, *scope: str) -> Controller:
    """Return a controller with an opening key and a signer of these scopes, whom the trust file lists."""
    opened = catalogue.open_repository(sample.settings, sample.world())
    key, signer = opened.trusted_keys._held.recovery, Signer.generate()
    assert key
    secrets_ = {"opening": key.opening.secret, "signer": signer.secret}
    since = sample.now - datetime.timedelta(days=1)
    envelope = trusted_keys.next_trust(
        None,
        "shop",
        [key.opening.recipient],
        [SignerEntry(signer.public, scope, since), SignerEntry(key.root.public, ("*",), since)],
        [key.root],
        since,
    )
    opened.store.put_new(trusted_keys.trust_name("shop", 1), envelope or b"")
    for kind, secret in secrets_.items():
        keyfile.write(str(tmp_path / kind), [keyfile.record(kind, secret)])
    settings = trusted_keys.KeySettings(
        signer_file=str(tmp_path / "signer"),
        opening_key_file=str(tmp_path / "opening"),
        roots=(key.root.public.hex(),),
    )
    found = controller(sample, "awx")
    found.settings = dataclasses.replace(found.settings, keys=settings)
    return found


def test_a_signer_of_this_scope_journals_also_without_the_store(
    sample: SampleHost, here: Controller, tmp_path: Path
) -> None:
    awx = trusting(sample, tmp_path, "recovery")
    outcome = awx.opened()
    assert "could not be pinned" in outcome.warnings[0]
    awx.open()
    store = sample.home / "store"
    store.rename(sample.home / "away")
    assert "is only on this host" in awx.begin("provision").warnings[0]
    (sample.home / "away").rename(store)
    awx.end("provision")
    # The root may always: it is not listed for this, and recovers.
    here.recovery_id = awx.recovery_id
    assert here.read()["settled"] == {"provision": "ok"}


def test_no_other_signer_does(sample: SampleHost, here: Controller, tmp_path: Path) -> None:
    with pytest.raises(KeyRefused, match="for recovery"):
        trusting(sample, tmp_path, "main/*").opened()


def test_the_audit_log_is_told(here: Controller) -> None:
    told: list[Done] = []
    here.world = dataclasses.replace(here.world, record=told.append)
    here.open()
    here.leave("waiting")
    here.open()
    here.done(*STEPS)
    here.close()
    states = ("open", "waiting", "open", "close")
    assert [(each.operation, each.about["state"]) for each in told] == [("recovery", state) for state in states]
    here.open(recovery_id="new")
    here.leave("failed")
    assert isinstance(told[-1].ended, Exception)


def test_only_one_opens_at_a_time(sample: SampleHost, here: Controller) -> None:
    """Another host's lock is in the store for as long as it opens."""
    opened = catalogue.open_repository(here.settings, here.world)
    lock = store_lock.StoreLock(opened.store, "shop/locks/recovery.json", secrets.token_hex(8), here.world)
    with store_lock.locked(lock, 0), pytest.raises(Busy, match="holds its lock"):
        here.opened()
    here.open()


def test_a_pin_holds_until_the_recovery_ends(sample: SampleHost, here: Controller) -> None:
    def pinned() -> set[str]:
        said = catalogue.open_repository(sample.settings, sample.world()).marks(kinds=("pinned",))
        return {identity for identity, marks in said.items() if marks.pinned}

    own = sample.back_up(hours=1)
    marking.mark(marking.MarkRequest(here.settings, "main", "shop", own, reason="before the migration"), here.world)
    first = sample.back_up(hours=0.5)
    here.open()
    here.leave()
    here.open()
    assert pinned() == {own, first}
    here.leave()
    here.open(points={"main/shop": own})
    here.done(*STEPS)
    here.close()
    assert pinned() == {own}


def test_a_recovery_whose_journal_is_broken_is_not_passed_over(sample: SampleHost, here: Controller) -> None:
    here.open()
    here.done("provision")
    here.leave()
    there = controller(sample, "there")
    path = sample.home / "store" / "shop" / "recoveries" / here.recovery_id / "00000002.lbx"
    path.unlink()
    with pytest.raises(Tampered):
        there.opened()
