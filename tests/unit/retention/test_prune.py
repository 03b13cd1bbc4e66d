# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Retention on a real store: what goes, in which order, what stays for which reason, and what makes it stop."""

from __future__ import annotations

import dataclasses
import datetime
import secrets

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import RecoveryKey
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AccessDenied,
    Busy,
    KeyRefused,
    StoreError,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.mark import marking
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue, marks
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.manifest import Parent
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.receipts import Receipt
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import store_lock

DAY = datetime.timedelta(days=1)
POLICY = {"keep_within": "30d", "min_keep": 1}


class Wrapped:
    """A store in front of which a test stands."""

    def __init__(self, store, **changes):
        self._store = store
        self.__dict__.update(changes)

    def __getattr__(self, name):
        return getattr(self._store, name)

    def purge_all(self, names):
        return base.one_by_one(self.purge, names)


@pytest.fixture
def through(ground, monkeypatch):
    """Let everything go through a wrapped store."""

    def use(store):
        monkeypatch.setattr(catalogue.opening, "open_store", lambda *given, **named: store)

    return use


def test_what_no_rule_keeps_is_gone_with_all_its_files_and_its_mark_stays(ground):
    new, old = ground.make(1), ground.make(31)
    done = prune.prune(ground.request(POLICY), ground.world())
    assert done.changed
    assert ground.listed() == [new]
    assert (done.facts["deleted"], done.facts["kept"], done.facts["freed"]) == (1, 1, 300)
    assert [name for name in ground.objects() if old in name] == ground.objects("marks")
    said = ground.opened().marks(old)[old]
    assert said.expired
    assert said.of("expired")[0].reason == "no rule keeps it"


def test_a_second_run_changes_nothing(ground):
    ground.make(1)
    ground.make(31)
    prune.prune(ground.request(POLICY), ground.world())
    before = ground.objects()
    done = prune.prune(ground.request(POLICY), ground.world())
    assert not done.changed
    assert ground.objects() == before


def test_the_mark_comes_first_then_the_manifest_then_the_files(ground, through):
    ground.make(1)
    old = ground.make(31)
    calls = []

    def noted(name, call):
        def note(*given):
            calls.append((name, given[0]))
            return call(*given)

        return note

    through(Wrapped(ground.store, **{name: noted(name, getattr(ground.store, name)) for name in ("put_new", "purge")}))
    prune.prune(ground.request(POLICY), ground.world())
    about = [(call, name.split("/")[1]) for call, name in calls if old in name]
    assert about[:2] == [("put_new", "marks"), ("purge", "manifests")]
    assert {part for _call, part in about[2:]} == {"data", "details"}


def test_the_marks_of_what_goes_go_too_but_for_the_one_that_says_why(ground):
    ground.make(1)
    old = ground.make(31)
    name = f"shop/marks/{old}/restore_tested-{'a' * 16}.json"
    ground.store.put_new(name, b"{}")
    prune.prune(ground.request(POLICY), ground.world())
    assert len(ground.objects("marks")) == 1
    assert "expired-" in ground.objects("marks")[0]


def test_check_mode_decides_the_same_and_touches_nothing(ground):
    for days in (0, 1, 31, 40, 50):
        ground.make(days)
    ground.store.put("shop/data/backup-20200101T000000Z-0123456789abcdef/0001.lbx", [b"lost"])
    ground.age("shop/data/backup-20200101T000000Z-0123456789abcdef/0001.lbx", 2)
    before = {name: (ground.root / name).stat().st_mtime_ns for name in ground.objects()}
    planned = prune.prune(ground.request(POLICY), ground.world(dry_run=True))
    assert {name: (ground.root / name).stat().st_mtime_ns for name in ground.objects()} == before
    done = prune.prune(ground.request(POLICY), ground.world())
    assert (planned.changed, planned.before, planned.after) == (done.changed, done.before, done.after)
    same = set(done.facts) - {"summary"}
    assert {key: planned.facts[key] for key in same} == {key: done.facts[key] for key in same}
    assert "would be" in planned.facts["summary"]
    lines = done.after.splitlines()
    assert len(lines) == 6
    assert [line.split()[0] for line in lines] == ["delete"] * 3 + ["keep"] * 2 + ["collect"]
    assert all(": " in line for line in lines)
    assert len(done.before.splitlines()) == 6


def test_a_policy_with_a_slip_touches_nothing_not_even_the_store(ground, through):
    through(None)
    with pytest.raises(UsageError) as caught:
        prune.prune(ground.request({"keep_witin": "30d"}), ground.world())
    assert caught.value.details["field"] == "policy.keep_witin"


def test_a_listing_that_breaks_off_deletes_nothing(ground, through):
    ids = [ground.make(days) for days in (0, 31, 40)]

    def broken(prefix):
        yield from list(ground.store.list(prefix))[:1]
        raise StoreError("The connection broke.", "Run again.")

    for prefix in ("shop/manifests/", "shop/data/", "shop/details/", "shop/marks/", "shop/keys/"):
        through(
            Wrapped(
                ground.store, list=lambda asked, p=prefix: broken(asked) if asked == p else ground.store.list(asked)
            )
        )
        with pytest.raises(StoreError, match="connection broke"):
            prune.prune(ground.request(POLICY), ground.world())
    assert sorted(ground.listed()) == sorted(ids)


def test_too_many_at_once_are_refused_with_the_decisions(ground):
    ids = [ground.make(days) for days in (0, 31, 40)]
    for dry_run in (True, False):
        with pytest.raises(UsageError, match="2 of the 3 backups of main/shop, more than 30 percent") as caught:
            prune.prune(ground.request(POLICY, force=False), ground.world(dry_run=dry_run))
        assert len(caught.value.details["decisions"]) == 3
        assert caught.value.details["refusals"]
        assert "force" in caught.value.remedy
    assert sorted(ground.listed()) == sorted(ids)
    assert prune.prune(ground.request(POLICY), ground.world()).facts["deleted"] == 2


@pytest.mark.parametrize("hours", [-1, 1, 24 * 400])
def test_a_clock_that_differs_from_the_stores_deletes_nothing(ground, hours):
    ids = [ground.make(days) for days in (0.5, 31, 40)]
    with pytest.raises(UsageError, match="clock"):
        prune.prune(ground.request(POLICY), ground.world(now=ground.now + datetime.timedelta(hours=hours)))
    assert sorted(ground.listed()) == sorted(ids)


def test_check_mode_sees_a_clock_that_is_behind_the_stores(ground):
    ground.make(0)
    with pytest.raises(UsageError, match="clock"):
        prune.prune(ground.request(POLICY), ground.world(dry_run=True, now=ground.now - datetime.timedelta(hours=1)))


def test_a_key_of_somebody_else_is_an_error_and_deletes_nothing(ground):
    ground.make(40)
    settings = dataclasses.replace(ground.settings, keys=KeySettings(recovery_key_hex=RecoveryKey.generate().hex))
    with pytest.raises(KeyRefused):
        prune.prune(dataclasses.replace(ground.request(POLICY), repository=settings), ground.world())
    assert len(ground.listed()) == 1


def test_a_reader_without_a_signer_is_refused_before_anything_is_read(ground):
    ground.make(40)
    keys = KeySettings(roots=(ground.key.root.public.hex(),))
    settings = dataclasses.replace(ground.settings, keys=keys)
    with pytest.raises(KeyRefused):
        prune.prune(dataclasses.replace(ground.request(POLICY), repository=settings), ground.world())


def test_only_the_cluster_or_the_database_that_is_named_is_pruned(ground):
    for database in ("shop", "blog"):
        ground.make(0, database)
        ground.make(40, database)
    other = ground.make(40, "shop", component="other/shop")
    ground.make(0, "shop", component="other/shop")
    request = ground.request(POLICY, cluster="main", database="blog")
    assert prune.prune(request, ground.world()).facts["deleted"] == 1
    assert len(ground.listed()) == 5
    assert prune.prune(ground.request(POLICY, cluster="main"), ground.world()).facts["deleted"] == 1
    assert other in ground.listed()


def test_what_is_needed_is_deleted_after_what_needs_it(ground, through):
    ground.make(0)
    full = ground.make(50)
    first = ground.make(49, parents=(Parent(full, "0" * 64),))
    second = ground.make(48, parents=(Parent(first, "0" * 64), Parent(full, "0" * 64)))
    order = []

    def purge(name):
        order.append(name)
        return ground.store.purge(name)

    through(Wrapped(ground.store, purge=purge))
    prune.prune(ground.request(POLICY), ground.world())
    manifests = [name for name in order if "/manifests/" in name]
    assert [name.rpartition("/")[2][:-5] for name in manifests] == [second, first, full]


def test_what_turns_out_to_stay_keeps_what_it_needs(ground, through, monkeypatch):
    ground.make(0)
    full = ground.make(50)
    first = ground.make(49, parents=(Parent(full, "0" * 64),))
    second = ground.make(48, parents=(Parent(first, "0" * 64),))
    free = ground.make(47, parents=(Parent(full, "0" * 64),))
    locked = Wrapped(ground.store, purge=lambda name: "retained" if second in name else ground.store.purge(name))
    through(locked)
    done = prune.prune(ground.request(POLICY), ground.world())
    assert {full, first, second} < set(ground.listed())
    assert free not in ground.listed()
    assert (done.facts["kept"], done.facts["retained"], done.facts["deleted"]) == (3, 1, 1)
    assert sum("is needed by" in warning for warning in done.warnings) == 2
    assert {identity for identity, said in ground.opened().marks().items() if said.expired} == {free}


def test_a_lock_of_the_store_retains_and_writes_no_mark(ground, through):
    ground.make(0)
    locked, free = ground.make(40), ground.make(41)
    until = ground.now + datetime.timedelta(days=5)
    through(Wrapped(ground.store, locked_until=lambda name: until if locked in name else None))
    done = prune.prune(ground.request(POLICY), ground.world())
    assert (done.facts["retained"], done.facts["deleted"]) == (1, 1)
    assert locked in ground.listed()
    assert not [name for name in ground.objects("marks") if locked in name]
    assert not [name for name in ground.objects("data") if free in name]


def test_a_lock_that_shows_only_when_deleting_retains_too(ground, through):
    ground.make(0)
    locked = ground.make(40)
    through(Wrapped(ground.store, purge=lambda name: "retained"))
    done = prune.prune(ground.request(POLICY), ground.world())
    assert (done.facts["retained"], done.facts["deleted"]) == (1, 0)
    assert locked in ground.listed()


def test_without_the_right_to_delete_nothing_is_said_to_have_expired(ground, through):
    ground.make(0)
    old = ground.make(40)

    def denied(name):
        raise AccessDenied("The store refuses it.", "Give the right to it.")

    through(Wrapped(ground.store, purge=denied))
    with pytest.raises(AccessDenied) as caught:
        prune.prune(ground.request(POLICY), ground.world())
    assert caught.value.details["deleted"] == []
    assert not ground.opened().marks(old)[old].expired
    assert old in ground.listed()
    through(ground.store)
    assert prune.prune(ground.request(POLICY), ground.world()).facts["deleted"] == 1
    assert ground.opened().marks(old)[old].expired


def test_what_was_about_to_go_and_now_stays_is_no_longer_said_to_have_expired(ground, through):
    ground.make(0)
    old = ground.make(40)
    through(Wrapped(ground.store, purge=lambda name: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        prune.prune(ground.request(POLICY), ground.world())
    assert ground.opened().marks(old)[old].expired
    through(ground.store)
    prune.prune(ground.request({"keep_within": "50d"}), ground.world())
    assert not ground.opened().marks(old)[old].expired


def test_a_backup_that_is_pinned_while_retention_runs_stays(ground, monkeypatch):
    ground.make(0)
    old, older = ground.make(40), ground.make(41)
    planned = prune._planned

    def pinned(*given, **named):
        made = planned(*given, **named)
        pin(ground, old)
        return made

    monkeypatch.setattr(prune, "_planned", pinned)
    done = prune.prune(ground.request(POLICY), ground.world())
    assert old in ground.listed()
    assert older not in ground.listed()
    assert (done.facts["kept"], done.facts["deleted"]) == (2, 1)
    assert any(old in warning for warning in done.warnings)


def test_files_that_stay_locked_are_taken_away_later(ground, through):
    ground.make(0)
    old = ground.make(40)
    through(Wrapped(ground.store, purge=lambda name: "retained" if "0002" in name else ground.store.purge(name)))
    prune.prune(ground.request(POLICY), ground.world())
    assert ground.objects("data", "details") != []
    assert old not in ground.listed()
    through(ground.store)
    done = prune.prune(ground.request(POLICY), ground.world())
    assert (done.facts["garbage"], done.facts["deleted"], done.changed) == (1, 0, True)
    assert not [name for name in ground.objects("data", "details") if old in name]


LEFT = "backup-20200101T000000Z-0123456789abcdef"


def test_what_no_manifest_lists_goes_after_a_day(ground):
    ground.make(0)
    for part in ("data", "details"):
        ground.store.put(f"shop/{part}/{LEFT}/0001.lbx", [b"12345"])
    ground.age(f"shop/data/{LEFT}/0001.lbx", 10)
    ground.age(f"shop/details/{LEFT}/0001.lbx", 0.9)
    assert prune.prune(ground.request(POLICY), ground.world()).facts["garbage"] == 0
    ground.age(f"shop/details/{LEFT}/0001.lbx", 1.1)
    done = prune.prune(ground.request(POLICY), ground.world())
    assert (done.facts["garbage"], done.facts["freed"]) == (2, 10)
    assert not [name for name in ground.objects() if LEFT in name]


def left_by_a_killed_writer(ground, identity, days):
    """Leave a file as a writer does that is killed: in the directory of the object that it was to be."""
    name = f"shop/data/{identity}/.lifeboat-{secrets.token_hex(8)}"
    (ground.root / name).parent.mkdir(parents=True, exist_ok=True)
    (ground.root / name).write_bytes(b"half of it")
    ground.age(name, days)
    return name


def test_what_killed_writers_left_goes_after_a_day(ground):
    listed = ground.make(1)
    killed = repository.backup_id(ground.now - 3 * DAY, "a" * 16)
    young = left_by_a_killed_writer(ground, listed, 0.5)
    old = [left_by_a_killed_writer(ground, identity, 2) for identity in (listed, killed)]
    planned = prune.prune(ground.request(POLICY), ground.world(dry_run=True))
    assert all((ground.root / name).exists() for name in old)
    done = prune.prune(ground.request(POLICY), ground.world())
    for outcome in (planned, done):
        assert outcome.changed
        assert (outcome.facts["garbage"], outcome.facts["freed"]) == (2, 20)
        assert all(f"collect   {name}  10 B: its writer never ended" in outcome.facts["table"] for name in old)
        assert outcome.before.count(".lifeboat-") == 2
    assert not [name for name in old if (ground.root / name).exists()]
    assert not (ground.root / "shop/data" / killed).exists()
    assert (ground.root / young).exists()
    assert ground.listed() == [listed]
    assert not prune.prune(ground.request(POLICY), ground.world()).changed


def test_what_lies_beside_a_hidden_backup_stays_with_it(ground):
    ground.make(1)
    hidden = ground.make(3)
    beside = left_by_a_killed_writer(ground, hidden, 2)
    (ground.root / repository.manifest("shop", "main/shop", hidden)).unlink()
    done = prune.prune(ground.request(POLICY), ground.world())
    assert done.facts["hidden"] == [hidden]
    assert (ground.root / beside).exists()


def test_files_whose_manifest_somebody_hid_are_no_garbage_for_the_host_that_made_them(ground, through):
    ground.make(0)
    hidden = ground.make(3)
    opened = ground.opened()
    opened.receipts.add(Receipt("shop", "main/shop", hidden, "0" * 64, "full", "scheduled", "2026", 1, 1))
    ground.store.delete(repository.manifest("shop", "main/shop", hidden))
    done = prune.prune(ground.request(POLICY), ground.world())
    assert done.facts["garbage"] == 0
    assert [name for name in ground.objects("data") if hidden in name]
    assert any(hidden in warning for warning in done.warnings)


def test_that_holds_for_a_run_for_one_cluster_too(ground):
    hidden = ground.make(3)
    ground.opened().receipts.add(Receipt("shop", "main/shop", hidden, "0" * 64, "full", "scheduled", "2026", 1, 1))
    ground.store.delete(repository.manifest("shop", "main/shop", hidden))
    ground.make(0)
    assert prune.prune(ground.request(POLICY, cluster="main"), ground.world()).facts["garbage"] == 0


def test_unexplained_leftovers_are_deleted_as_a_versioned_bucket_can_bring_back(ground, through):
    """Who can hide manifests must not get retention to destroy the files for good."""
    ground.make(0)
    ground.store.put(f"shop/data/{LEFT}/0001.lbx", [b"12345"])
    ground.age(f"shop/data/{LEFT}/0001.lbx", 10)
    deleted = []
    through(Wrapped(ground.store, delete=deleted.append, purge=None))
    prune.prune(ground.request(POLICY), ground.world())
    assert f"shop/data/{LEFT}/0001.lbx" in deleted


def test_a_damaged_manifest_and_its_files_are_left_alone(ground):
    ground.make(0)
    broken = ground.make(90)
    (ground.root / repository.manifest("shop", "main/shop", broken)).write_bytes(b"{}")
    done = prune.prune(ground.request(POLICY), ground.world())
    assert not done.changed
    assert len([name for name in ground.objects() if broken in name]) == 4
    assert done.warnings


def test_an_incomplete_backup_goes_after_a_week(ground):
    ground.make(0)
    young, old = ground.make(3), ground.make(8)
    for identity in (young, old):
        ground.store.delete(repository.member("shop", identity, 1))
    done = prune.prune(ground.request({"keep_last": 1, "min_keep": 1}), ground.world())
    gone = [decision["backup_id"] for decision in done.facts["decisions"] if decision["action"] == "delete"]
    assert gone == [old]


def test_in_a_bucket_a_backup_dated_back_takes_no_slot_and_stays(ground, through):
    ground.make(0)
    forged = ground.make(40)
    ground.age(repository.manifest("shop", "main/shop", forged), 1)
    true = ground.make(39)
    through(Wrapped(ground.store, url="s3://bucket"))
    done = prune.prune(ground.request({"monthly": "12mo", "min_keep": 1}), ground.world())
    reasons = {decision["backup_id"]: decision["reasons"] for decision in done.facts["decisions"]}
    assert reasons[forged] == ["claims a time that the store contradicts"]
    assert reasons[true][0].startswith("monthly")
    assert any("replica" in warning for warning in done.warnings)
    done = prune.prune(ground.request({"monthly": "12mo", "min_keep": 1}, replica=True), ground.world(dry_run=True))
    reasons = {decision["backup_id"]: decision["reasons"] for decision in done.facts["decisions"]}
    assert "claims" not in reasons[forged][0]


def test_another_run_is_waited_for_and_then_named(ground):
    ground.make(0)
    ground.store.put_new(repository.lock("shop", "retention"), b'{"owner": "x", "host": "db2"}')
    waited = []
    clock = [ground.now]

    def sleep(seconds):
        waited.append(seconds)
        clock[0] += datetime.timedelta(seconds=seconds)

    world = dataclasses.replace(ground.world(), now=lambda: clock[0], sleep=sleep)
    with pytest.raises(Busy, match="host db2 is at work"):
        prune.prune(ground.request(POLICY, lock_timeout=12.0), world)
    assert waited == [5.0, 5.0, 5.0]
    assert prune.prune(ground.request(POLICY), ground.world(dry_run=True)).facts["kept"] == 1


def test_the_lock_of_a_dead_run_is_taken_over_and_given_back(ground):
    ground.make(0)
    name = repository.lock("shop", "retention")
    ground.store.put_new(name, b"nonsense")
    ground.age(name, 0.05)
    prune.prune(ground.request(POLICY), ground.world())
    assert name not in ground.objects()


def test_a_store_that_says_yes_to_two_owners_has_one(ground, through):
    """Some stores answer 200 to a create-only write of what exists: the token that is read back decides."""
    name = repository.lock("shop", "retention")
    ground.store.put_new(name, b'{"owner": "x", "host": "db2"}')
    through(Wrapped(ground.store, put_new=lambda given, data: None))
    with pytest.raises(Busy):
        prune.prune(ground.request(POLICY), ground.world())
    assert name in ground.objects()


def test_a_run_that_lost_its_lock_stops(ground, monkeypatch):
    ground.make(0)
    ids = [ground.make(days) for days in (40, 41)]
    monkeypatch.setattr(store_lock, "RENEWED", datetime.timedelta(0))
    name = repository.lock("shop", "retention")
    survey = prune.survey.survey

    def stolen(*given):
        ground.store.put(name, [b'{"owner": "x", "host": "db2"}'])
        return survey(*given)

    monkeypatch.setattr(prune.survey, "survey", stolen)
    with pytest.raises(Busy, match="went over to The host db2"):
        prune.prune(ground.request(POLICY), ground.world())
    assert set(ids) <= set(ground.listed())
    assert name in ground.objects()


def test_what_expired_is_no_loss_for_the_host_that_made_it(ground):
    ground.make(0)
    old = ground.make(40)
    ground.opened().receipts.add(Receipt("shop", "main/shop", old, "0" * 64, "full", "scheduled", "2026", 1, 1))
    elsewhere = dataclasses.replace(ground.settings, state_dir=None)
    prune.prune(dataclasses.replace(ground.request(POLICY), repository=elsewhere), ground.world())
    assert missed(ground, dry_run=True) == []
    assert not (ground.state / "expired.jsonl").exists()
    assert missed(ground) == []
    for name in ground.objects("marks"):
        ground.store.delete(name)
    assert missed(ground) == []


def missed(ground, *, dry_run=False):
    """Return the backups that a listing says are missing."""
    done = listing.list_backups(listing.ListRequest(ground.settings), ground.world(dry_run=dry_run))
    return [anomaly["name"] for anomaly in done.facts["anomalies"] if anomaly["kind"] == "missing"]


def test_an_expiry_that_nobody_signed_hides_no_loss(ground):
    ground.make(0)
    lost = ground.make(40)
    ground.opened().receipts.add(Receipt("shop", "main/shop", lost, "0" * 64, "full", "scheduled", "2026", 1, 1))
    ground.store.delete(repository.manifest("shop", "main/shop", lost))
    ground.store.put_new(repository.mark("shop", lost, "expired", "a" * 16), b"{}")
    assert missed(ground) == [lost]


def test_the_sign_of_an_expiry_goes_after_a_year(ground):
    ground.make(0)
    old = ground.make(40)
    prune.prune(ground.request(POLICY), ground.world())
    [name] = ground.objects("marks")
    ground.age(name, 360)
    assert not prune.prune(ground.request(POLICY), ground.world()).changed
    ground.age(name, 370)
    assert prune.prune(ground.request(POLICY), ground.world()).changed
    assert not [name for name in ground.objects() if old in name]


def pin(ground, identity, **changes):
    request = marking.MarkRequest(ground.settings, "main", "shop", identity, **changes)
    return marking.mark(request, ground.world())


@pytest.mark.parametrize("kind", ["pinned", "hold"])
def test_a_mark_protects_until_it_is_taken_back(ground, kind):
    ground.make(0)
    old = ground.make(40)
    assert pin(ground, old, kind=kind, reason="before the migration").changed
    again = pin(ground, old, kind=kind, reason="other words")
    assert not again.changed
    assert again.facts["mark"]["reason"] == "before the migration"
    assert not prune.prune(ground.request(POLICY), ground.world()).changed
    row = listing.list_backups(listing.ListRequest(ground.settings), ground.world()).facts["backups"][0]
    assert (row["pinned"], row["held"]) == (kind == "pinned", kind == "hold")
    assert pin(ground, old, kind=kind, state="absent").changed
    assert not pin(ground, old, kind=kind, state="absent").changed
    assert prune.prune(ground.request(POLICY), ground.world()).facts["deleted"] == 1


def test_one_kind_of_mark_says_nothing_about_the_other(ground):
    old = ground.make(40)
    pin(ground, old)
    assert pin(ground, old, kind="hold").changed
    assert pin(ground, old, state="absent").changed
    said = ground.opened().marks(old)[old]
    assert (said.pinned, said.held) == (False, True)


def test_a_pin_that_nobody_can_check_protects_all_the_same(ground):
    ground.make(0)
    old = ground.make(40)
    ground.store.put_new(repository.mark("shop", old, "hold", "b" * 16), b"{}")
    done = prune.prune(ground.request(POLICY), ground.world())
    assert not done.changed
    assert any("not signed" in warning for warning in done.warnings)
    assert pin(ground, old, kind="hold", state="absent").changed
    assert prune.prune(ground.request(POLICY), ground.world()).facts["deleted"] == 1


def test_check_mode_of_a_mark_says_what_would_be_and_writes_nothing(ground):
    old = ground.make(40)
    request = marking.MarkRequest(ground.settings, "main", "shop", old)
    planned = marking.mark(request, ground.world(dry_run=True))
    assert ground.objects("marks") == []
    assert planned == marking.mark(request, ground.world())
    assert (planned.before, planned.after) == (f"{old}: not pinned\n", f"{old}: pinned\n")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "restore_tested"}, "kind"),
        ({"state": "gone"}, "state"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "a\nb"}, "reason"),
    ],
)
def test_a_mark_that_cannot_be_meant_is_refused(ground, changes, field):
    with pytest.raises(UsageError) as caught:
        pin(ground, ground.make(0), **changes)
    assert caught.value.details["field"] == field


def vouched(ground, identity):
    backup = ground.opened().read("main/shop", identity)
    return marking.vouch(backup, "restored", ground.world())


def test_the_newest_restore_tested_backup_stays_however_old(ground):
    ground.make(0)
    old, older = ground.make(40), ground.make(50)
    assert vouched(ground, old) == (True, "")
    assert vouched(ground, old) == (True, "")
    assert len(ground.objects("marks")) == 1
    vouched(ground, older)
    done = prune.prune(ground.request(POLICY), ground.world())
    reasons = {decision["backup_id"]: decision["reasons"] for decision in done.facts["decisions"]}
    assert reasons[old] == ["newest restore-tested"]
    assert older not in ground.listed()
    row = listing.list_backups(listing.ListRequest(ground.settings), ground.world()).facts["backups"][0]
    assert row["restore_tested"]
    assert datetime.datetime.fromisoformat(row["restore_tested_at"]) == ground.now.replace(microsecond=0)


def test_a_mark_of_another_manifest_verifies_nothing(ground):
    """A host that makes a backup anew under an old id does not inherit what was proved about it."""
    identity = ground.make(40)
    mark = marks.Mark(
        "shop",
        "main/shop",
        identity,
        "f" * 64,
        "restore_tested",
        secrets.token_hex(8),
        ground.now.replace(microsecond=0),
    )
    opened = ground.opened()
    marks.write(opened.store, opened.trusted_keys, mark)
    row = listing.list_backups(listing.ListRequest(ground.settings), ground.world()).facts["backups"][0]
    assert not row["restore_tested"]


def test_a_mark_moved_to_another_backup_is_not_believed(ground):
    one, other = ground.make(40), ground.make(41)
    vouched(ground, one)
    [name] = ground.objects("marks")
    ground.store.put_new(name.replace(one, other), b"".join(ground.store.get(name)))
    said = ground.opened().marks()
    assert said[one].of("restore_tested")
    assert not said[other].of("restore_tested")
