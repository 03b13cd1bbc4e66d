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
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import StoreSettings
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
def through(sample_store, monkeypatch):
    """Let everything go through a wrapped store."""

    def use(store):
        monkeypatch.setattr(catalogue.factory, "open_store", lambda *given, **named: store)

    return use


def test_what_no_rule_keeps_is_gone_with_all_its_files_and_its_mark_stays(sample_store):
    new, old = sample_store.make(1), sample_store.make(31)
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert done.changed
    assert sample_store.listed() == [new]
    assert (done.facts["deleted"], done.facts["kept"], done.facts["freed"]) == (1, 1, 300)
    assert [name for name in sample_store.objects() if old in name] == sample_store.objects("marks")
    said = sample_store.opened().marks(old)[old]
    assert said.expired
    assert said.of("expired")[0].reason == "no rule keeps it"


def test_a_second_run_changes_nothing(sample_store):
    sample_store.make(1)
    sample_store.make(31)
    prune.prune(sample_store.request(POLICY), sample_store.world())
    before = sample_store.objects()
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert not done.changed
    assert sample_store.objects() == before


def test_the_mark_comes_first_then_the_manifest_then_the_files(sample_store, through):
    sample_store.make(1)
    old = sample_store.make(31)
    calls = []

    def noted(name, call):
        def note(*given):
            calls.append((name, given[0]))
            return call(*given)

        return note

    through(
        Wrapped(
            sample_store.store,
            **{name: noted(name, getattr(sample_store.store, name)) for name in ("put_new", "purge")},
        )
    )
    prune.prune(sample_store.request(POLICY), sample_store.world())
    about = [(call, name.split("/")[1]) for call, name in calls if old in name]
    assert about[:2] == [("put_new", "marks"), ("purge", "manifests")]
    assert {part for _call, part in about[2:]} == {"data", "details"}


def test_the_marks_of_what_goes_go_too_but_for_the_one_that_says_why(sample_store):
    sample_store.make(1)
    old = sample_store.make(31)
    name = f"shop/marks/{old}/restore_tested-{'a' * 16}.json"
    sample_store.store.put_new(name, b"{}")
    prune.prune(sample_store.request(POLICY), sample_store.world())
    assert len(sample_store.objects("marks")) == 1
    assert "expired-" in sample_store.objects("marks")[0]


def test_check_mode_decides_the_same_and_touches_nothing(sample_store):
    for days in (0, 1, 31, 40, 50):
        sample_store.make(days)
    sample_store.store.put("shop/data/backup-20200101T000000Z-0123456789abcdef/0001.lbx", [b"lost"])
    sample_store.age("shop/data/backup-20200101T000000Z-0123456789abcdef/0001.lbx", 2)
    before = {name: (sample_store.root / name).stat().st_mtime_ns for name in sample_store.objects()}
    planned = prune.prune(sample_store.request(POLICY), sample_store.world(dry_run=True))
    assert {name: (sample_store.root / name).stat().st_mtime_ns for name in sample_store.objects()} == before
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert (planned.changed, planned.before, planned.after) == (done.changed, done.before, done.after)
    same = set(done.facts) - {"summary"}
    assert {key: planned.facts[key] for key in same} == {key: done.facts[key] for key in same}
    assert "would be" in planned.facts["summary"]
    lines = done.after.splitlines()
    assert len(lines) == 6
    assert [line.split()[0] for line in lines] == ["delete"] * 3 + ["keep"] * 2 + ["collect"]
    assert all(": " in line for line in lines)
    assert len(done.before.splitlines()) == 6


def test_a_policy_with_a_slip_touches_nothing_not_even_the_store(sample_store, through):
    through(None)
    with pytest.raises(UsageError) as caught:
        prune.prune(sample_store.request({"keep_witin": "30d"}), sample_store.world())
    assert caught.value.details["field"] == "policy.keep_witin"


def test_a_listing_that_breaks_off_deletes_nothing(sample_store, through):
    ids = [sample_store.make(days) for days in (0, 31, 40)]

    def broken(prefix):
        yield from list(sample_store.store.list(prefix))[:1]
        raise StoreError("The connection broke.", "Run again.")

    for prefix in ("shop/manifests/", "shop/data/", "shop/details/", "shop/marks/", "shop/keys/"):
        through(
            Wrapped(
                sample_store.store,
                list=lambda asked, p=prefix: broken(asked) if asked == p else sample_store.store.list(asked),
            )
        )
        with pytest.raises(StoreError, match="connection broke"):
            prune.prune(sample_store.request(POLICY), sample_store.world())
    assert sorted(sample_store.listed()) == sorted(ids)


def test_too_many_at_once_are_refused_with_the_decisions(sample_store):
    ids = [sample_store.make(days) for days in (0, 31, 40)]
    for dry_run in (True, False):
        with pytest.raises(UsageError, match="2 of the 3 backups of main/shop, more than 30 percent") as caught:
            prune.prune(sample_store.request(POLICY, force=False), sample_store.world(dry_run=dry_run))
        assert len(caught.value.details["decisions"]) == 3
        assert caught.value.details["refusals"]
        assert "force" in caught.value.remedy
    assert sorted(sample_store.listed()) == sorted(ids)
    assert prune.prune(sample_store.request(POLICY), sample_store.world()).facts["deleted"] == 2


@pytest.mark.parametrize("hours", [-1, 1, 24 * 400])
def test_a_clock_that_differs_from_the_stores_deletes_nothing(sample_store, hours):
    ids = [sample_store.make(days) for days in (0.5, 31, 40)]
    with pytest.raises(UsageError, match="clock"):
        prune.prune(
            sample_store.request(POLICY), sample_store.world(now=sample_store.now + datetime.timedelta(hours=hours))
        )
    assert sorted(sample_store.listed()) == sorted(ids)


def test_check_mode_sees_a_clock_that_is_behind_the_stores(sample_store):
    sample_store.make(0)
    with pytest.raises(UsageError, match="clock"):
        prune.prune(
            sample_store.request(POLICY),
            sample_store.world(dry_run=True, now=sample_store.now - datetime.timedelta(hours=1)),
        )


def test_a_key_of_somebody_else_is_an_error_and_deletes_nothing(sample_store):
    sample_store.make(40)
    settings = dataclasses.replace(sample_store.settings, keys=KeySettings(recovery_key_hex=RecoveryKey.generate().hex))
    with pytest.raises(KeyRefused):
        prune.prune(dataclasses.replace(sample_store.request(POLICY), repository=settings), sample_store.world())
    assert len(sample_store.listed()) == 1


def test_a_reader_without_a_signer_is_refused_before_anything_is_read(sample_store):
    sample_store.make(40)
    keys = KeySettings(roots=(sample_store.key.root.public.hex(),))
    settings = dataclasses.replace(sample_store.settings, keys=keys)
    with pytest.raises(KeyRefused):
        prune.prune(dataclasses.replace(sample_store.request(POLICY), repository=settings), sample_store.world())


def test_only_the_cluster_or_the_database_that_is_named_is_pruned(sample_store):
    for database in ("shop", "blog"):
        sample_store.make(0, database)
        sample_store.make(40, database)
    other = sample_store.make(40, "shop", component="other/shop")
    sample_store.make(0, "shop", component="other/shop")
    request = sample_store.request(POLICY, cluster="main", database="blog")
    assert prune.prune(request, sample_store.world()).facts["deleted"] == 1
    assert len(sample_store.listed()) == 5
    assert prune.prune(sample_store.request(POLICY, cluster="main"), sample_store.world()).facts["deleted"] == 1
    assert other in sample_store.listed()


def test_what_is_needed_is_deleted_after_what_needs_it(sample_store, through):
    sample_store.make(0)
    full = sample_store.make(50)
    first = sample_store.make(49, parents=(sample_store.parent(full),))
    second = sample_store.make(48, parents=(sample_store.parent(first), sample_store.parent(full)))
    order = []

    def purge(name):
        order.append(name)
        return sample_store.store.purge(name)

    through(Wrapped(sample_store.store, purge=purge))
    prune.prune(sample_store.request(POLICY), sample_store.world())
    manifests = [name for name in order if "/manifests/" in name]
    assert [name.rpartition("/")[2][:-5] for name in manifests] == [second, first, full]


def test_what_turns_out_to_stay_keeps_what_it_needs(sample_store, through, monkeypatch):
    sample_store.make(0)
    full = sample_store.make(50)
    first = sample_store.make(49, parents=(sample_store.parent(full),))
    second = sample_store.make(48, parents=(sample_store.parent(first),))
    free = sample_store.make(47, parents=(sample_store.parent(full),))
    locked = Wrapped(
        sample_store.store, purge=lambda name: "retained" if second in name else sample_store.store.purge(name)
    )
    through(locked)
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert {full, first, second} < set(sample_store.listed())
    assert free not in sample_store.listed()
    assert (done.facts["kept"], done.facts["retained"], done.facts["deleted"]) == (3, 1, 1)
    assert sum("which is kept, needs it" in warning for warning in done.warnings) == 2
    assert {identity for identity, said in sample_store.opened().marks().items() if said.expired} == {free}


def test_a_lock_of_the_store_retains_and_writes_no_mark(sample_store, through):
    sample_store.make(0)
    locked, free = sample_store.make(40), sample_store.make(41)
    until = sample_store.now + datetime.timedelta(days=5)
    through(Wrapped(sample_store.store, locked_until=lambda name: until if locked in name else None))
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert (done.facts["retained"], done.facts["deleted"]) == (1, 1)
    assert locked in sample_store.listed()
    assert not [name for name in sample_store.objects("marks") if locked in name]
    assert not [name for name in sample_store.objects("data") if free in name]


def test_a_lock_that_shows_only_when_deleting_retains_too(sample_store, through):
    sample_store.make(0)
    locked = sample_store.make(40)
    through(Wrapped(sample_store.store, purge=lambda name: "retained"))
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert (done.facts["retained"], done.facts["deleted"]) == (1, 0)
    assert locked in sample_store.listed()


def test_without_the_right_to_delete_nothing_is_said_to_have_expired(sample_store, through):
    sample_store.make(0)
    old = sample_store.make(40)

    def denied(name):
        raise AccessDenied("Access is denied.", "Give the right to it.")

    through(Wrapped(sample_store.store, purge=denied))
    with pytest.raises(AccessDenied) as caught:
        prune.prune(sample_store.request(POLICY), sample_store.world())
    assert caught.value.details["deleted"] == []
    assert not sample_store.opened().marks(old)[old].expired
    assert old in sample_store.listed()
    through(sample_store.store)
    assert prune.prune(sample_store.request(POLICY), sample_store.world()).facts["deleted"] == 1
    assert sample_store.opened().marks(old)[old].expired


def test_what_was_about_to_go_and_now_stays_is_no_longer_said_to_have_expired(sample_store, through):
    sample_store.make(0)
    old = sample_store.make(40)
    through(Wrapped(sample_store.store, purge=lambda name: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        prune.prune(sample_store.request(POLICY), sample_store.world())
    assert sample_store.opened().marks(old)[old].expired
    through(sample_store.store)
    prune.prune(sample_store.request({"keep_within": "50d"}), sample_store.world())
    assert not sample_store.opened().marks(old)[old].expired


def test_a_backup_that_is_pinned_while_retention_runs_stays(sample_store, monkeypatch):
    sample_store.make(0)
    old, older = sample_store.make(40), sample_store.make(41)
    planned = prune._planned

    def pinned(*given, **named):
        made = planned(*given, **named)
        pin(sample_store, old)
        return made

    monkeypatch.setattr(prune, "_planned", pinned)
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert old in sample_store.listed()
    assert older not in sample_store.listed()
    assert (done.facts["kept"], done.facts["deleted"]) == (2, 1)
    assert any(old in warning for warning in done.warnings)


def test_files_that_stay_locked_are_taken_away_later(sample_store, through):
    sample_store.make(0)
    old = sample_store.make(40)
    through(
        Wrapped(sample_store.store, purge=lambda name: "retained" if "0002" in name else sample_store.store.purge(name))
    )
    prune.prune(sample_store.request(POLICY), sample_store.world())
    assert sample_store.objects("data", "details") != []
    assert old not in sample_store.listed()
    through(sample_store.store)
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert (done.facts["garbage"], done.facts["deleted"], done.changed) == (1, 0, True)
    assert not [name for name in sample_store.objects("data", "details") if old in name]


LEFT = "backup-20200101T000000Z-0123456789abcdef"


def test_what_no_manifest_lists_goes_after_a_day(sample_store):
    sample_store.make(0)
    for part in ("data", "details"):
        sample_store.store.put(f"shop/{part}/{LEFT}/0001.lbx", [b"12345"])
    sample_store.age(f"shop/data/{LEFT}/0001.lbx", 10)
    sample_store.age(f"shop/details/{LEFT}/0001.lbx", 0.9)
    assert prune.prune(sample_store.request(POLICY), sample_store.world()).facts["garbage"] == 0
    sample_store.age(f"shop/details/{LEFT}/0001.lbx", 1.1)
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert (done.facts["garbage"], done.facts["freed"]) == (2, 10)
    assert not [name for name in sample_store.objects() if LEFT in name]


def left_by_a_killed_writer(sample_store, identity, days):
    """Leave a file as a writer does that is killed: in the directory of the object that it was to be."""
    name = f"shop/data/{identity}/.lifeboat-{secrets.token_hex(8)}"
    (sample_store.root / name).parent.mkdir(parents=True, exist_ok=True)
    (sample_store.root / name).write_bytes(b"half of it")
    sample_store.age(name, days)
    return name


def test_what_killed_writers_left_goes_after_a_day(sample_store):
    listed = sample_store.make(1)
    killed = repository.backup_id(sample_store.now - 3 * DAY, "a" * 16)
    young = left_by_a_killed_writer(sample_store, listed, 0.5)
    old = [left_by_a_killed_writer(sample_store, identity, 2) for identity in (listed, killed)]
    planned = prune.prune(sample_store.request(POLICY), sample_store.world(dry_run=True))
    assert all((sample_store.root / name).exists() for name in old)
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    for outcome in (planned, done):
        assert outcome.changed
        assert (outcome.facts["garbage"], outcome.facts["freed"]) == (2, 20)
        assert all(f"collect   {name}  10 B: its writer never finished" in outcome.facts["table"] for name in old)
        assert outcome.before.count(".lifeboat-") == 2
    assert not [name for name in old if (sample_store.root / name).exists()]
    assert not (sample_store.root / "shop/data" / killed).exists()
    assert (sample_store.root / young).exists()
    assert sample_store.listed() == [listed]
    assert not prune.prune(sample_store.request(POLICY), sample_store.world()).changed


def test_what_lies_beside_a_hidden_backup_stays_with_it(sample_store):
    sample_store.make(1)
    hidden = sample_store.make(3)
    beside = left_by_a_killed_writer(sample_store, hidden, 2)
    (sample_store.root / repository.manifest("shop", "main/shop", hidden)).unlink()
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert done.facts["hidden"] == [hidden]
    assert (sample_store.root / beside).exists()


def test_files_whose_manifest_somebody_hid_are_no_garbage_for_the_host_that_made_them(sample_store, through):
    sample_store.make(0)
    hidden = sample_store.make(3)
    opened = sample_store.opened()
    opened.receipts.add(Receipt("shop", "main/shop", hidden, "0" * 64, "full", "scheduled", "2026", 1, 1))
    sample_store.store.delete(repository.manifest("shop", "main/shop", hidden))
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert done.facts["garbage"] == 0
    assert [name for name in sample_store.objects("data") if hidden in name]
    assert any(hidden in warning for warning in done.warnings)


def test_that_holds_for_a_run_for_one_cluster_too(sample_store):
    hidden = sample_store.make(3)
    sample_store.opened().receipts.add(
        Receipt("shop", "main/shop", hidden, "0" * 64, "full", "scheduled", "2026", 1, 1)
    )
    sample_store.store.delete(repository.manifest("shop", "main/shop", hidden))
    sample_store.make(0)
    assert prune.prune(sample_store.request(POLICY, cluster="main"), sample_store.world()).facts["garbage"] == 0


def test_unexplained_leftovers_are_deleted_as_a_versioned_bucket_can_bring_back(sample_store, through):
    """Who can hide manifests must not get retention to destroy the files for good."""
    sample_store.make(0)
    sample_store.store.put(f"shop/data/{LEFT}/0001.lbx", [b"12345"])
    sample_store.age(f"shop/data/{LEFT}/0001.lbx", 10)
    deleted = []
    through(Wrapped(sample_store.store, delete=deleted.append, purge=None))
    prune.prune(sample_store.request(POLICY), sample_store.world())
    assert f"shop/data/{LEFT}/0001.lbx" in deleted


def test_a_damaged_manifest_and_its_files_are_left_alone(sample_store):
    sample_store.make(0)
    broken = sample_store.make(90)
    (sample_store.root / repository.manifest("shop", "main/shop", broken)).write_bytes(b"{}")
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert not done.changed
    assert len([name for name in sample_store.objects() if broken in name]) == 4
    assert done.warnings


def test_an_incomplete_backup_goes_after_a_week(sample_store):
    sample_store.make(0)
    young, old = sample_store.make(3), sample_store.make(8)
    for identity in (young, old):
        sample_store.store.delete(repository.member("shop", identity, 1))
    done = prune.prune(sample_store.request({"keep_last": 1, "min_keep": 1}), sample_store.world())
    gone = [decision["backup_id"] for decision in done.facts["decisions"] if decision["action"] == "delete"]
    assert gone == [old]


def test_in_a_bucket_a_backup_dated_back_takes_no_slot_and_stays(sample_store, through):
    sample_store.make(0)
    forged = sample_store.make(40)
    sample_store.age(repository.manifest("shop", "main/shop", forged), 1)
    true = sample_store.make(39)
    sample_store.settings = dataclasses.replace(sample_store.settings, store=StoreSettings("s3://bucket"))
    through(sample_store.store)
    done = prune.prune(sample_store.request({"monthly": "12mo", "min_keep": 1}), sample_store.world())
    reasons = {decision["backup_id"]: decision["reasons"] for decision in done.facts["decisions"]}
    assert reasons[forged] == ["claims a time that the store contradicts"]
    assert reasons[true][0].startswith("monthly")
    assert any("replica" in warning for warning in done.warnings)
    done = prune.prune(
        sample_store.request({"monthly": "12mo", "min_keep": 1}, replica=True), sample_store.world(dry_run=True)
    )
    reasons = {decision["backup_id"]: decision["reasons"] for decision in done.facts["decisions"]}
    assert "claims" not in reasons[forged][0]


def test_another_run_is_waited_for_and_then_named(sample_store):
    sample_store.make(0)
    sample_store.store.put_new(repository.lock("shop", "retention"), b'{"owner": "x", "host": "db2"}')
    waited = []
    clock = [sample_store.now]

    def sleep(seconds):
        waited.append(seconds)
        clock[0] += datetime.timedelta(seconds=seconds)

    world = dataclasses.replace(sample_store.world(), now=lambda: clock[0], sleep=sleep)
    with pytest.raises(Busy, match="host db2 is using"):
        prune.prune(sample_store.request(POLICY, lock_timeout=12.0), world)
    assert waited == [5.0, 5.0, 5.0]
    assert prune.prune(sample_store.request(POLICY), sample_store.world(dry_run=True)).facts["kept"] == 1


def test_the_lock_of_a_dead_run_is_taken_over_and_given_back(sample_store):
    sample_store.make(0)
    name = repository.lock("shop", "retention")
    sample_store.store.put_new(name, b"nonsense")
    sample_store.age(name, 0.05)
    prune.prune(sample_store.request(POLICY), sample_store.world())
    assert name not in sample_store.objects()


def test_a_store_that_says_yes_to_two_owners_has_one(sample_store, through):
    """Some stores answer 200 to a create-only write of what exists: the token that is read back decides."""
    name = repository.lock("shop", "retention")
    sample_store.store.put_new(name, b'{"owner": "x", "host": "db2"}')
    through(Wrapped(sample_store.store, put_new=lambda given, data: None))
    with pytest.raises(Busy):
        prune.prune(sample_store.request(POLICY), sample_store.world())
    assert name in sample_store.objects()


def test_a_run_that_lost_its_lock_stops(sample_store, monkeypatch):
    sample_store.make(0)
    ids = [sample_store.make(days) for days in (40, 41)]
    monkeypatch.setattr(store_lock, "RENEWED", datetime.timedelta(0))
    name = repository.lock("shop", "retention")
    survey = prune.survey.survey

    def stolen(*given):
        sample_store.store.put(name, [b'{"owner": "x", "host": "db2"}'])
        return survey(*given)

    monkeypatch.setattr(prune.survey, "survey", stolen)
    with pytest.raises(Busy, match="The host db2 has taken over"):
        prune.prune(sample_store.request(POLICY), sample_store.world())
    assert set(ids) <= set(sample_store.listed())
    assert name in sample_store.objects()


def test_what_expired_is_no_loss_for_the_host_that_made_it(sample_store):
    sample_store.make(0)
    old = sample_store.make(40)
    sample_store.opened().receipts.add(Receipt("shop", "main/shop", old, "0" * 64, "full", "scheduled", "2026", 1, 1))
    elsewhere = dataclasses.replace(sample_store.settings, state_dir=None)
    prune.prune(dataclasses.replace(sample_store.request(POLICY), repository=elsewhere), sample_store.world())
    assert missed(sample_store, dry_run=True) == []
    assert not (sample_store.state / "expired.jsonl").exists()
    assert missed(sample_store) == []
    for name in sample_store.objects("marks"):
        sample_store.store.delete(name)
    assert missed(sample_store) == []


def missed(sample_store, *, dry_run=False):
    """Return the backups that a listing says are missing."""
    done = listing.list_backups(listing.ListRequest(sample_store.settings), sample_store.world(dry_run=dry_run))
    return [problem["name"] for problem in done.facts["problems"] if problem["kind"] == "missing"]


def test_an_expiry_that_nobody_signed_hides_no_loss(sample_store):
    sample_store.make(0)
    lost = sample_store.make(40)
    sample_store.opened().receipts.add(Receipt("shop", "main/shop", lost, "0" * 64, "full", "scheduled", "2026", 1, 1))
    sample_store.store.delete(repository.manifest("shop", "main/shop", lost))
    sample_store.store.put_new(repository.mark("shop", lost, "expired", "a" * 16), b"{}")
    assert missed(sample_store) == [lost]


def test_the_sign_of_an_expiry_goes_after_a_year(sample_store):
    sample_store.make(0)
    old = sample_store.make(40)
    prune.prune(sample_store.request(POLICY), sample_store.world())
    [name] = sample_store.objects("marks")
    sample_store.age(name, 360)
    assert not prune.prune(sample_store.request(POLICY), sample_store.world()).changed
    sample_store.age(name, 370)
    assert prune.prune(sample_store.request(POLICY), sample_store.world()).changed
    assert not [name for name in sample_store.objects() if old in name]


def pin(sample_store, identity, **changes):
    request = marking.MarkRequest(sample_store.settings, "main", "shop", identity, **changes)
    return marking.mark(request, sample_store.world())


@pytest.mark.parametrize("kind", ["pinned", "hold"])
def test_a_mark_protects_until_it_is_taken_back(sample_store, kind):
    sample_store.make(0)
    old = sample_store.make(40)
    assert pin(sample_store, old, kind=kind, reason="before the migration").changed
    again = pin(sample_store, old, kind=kind, reason="other words")
    assert not again.changed
    assert again.facts["mark"]["reason"] == "before the migration"
    assert not prune.prune(sample_store.request(POLICY), sample_store.world()).changed
    row = listing.list_backups(listing.ListRequest(sample_store.settings), sample_store.world()).facts["backups"][0]
    assert (row["pinned"], row["held"]) == (kind == "pinned", kind == "hold")
    assert pin(sample_store, old, kind=kind, state="absent").changed
    assert not pin(sample_store, old, kind=kind, state="absent").changed
    assert prune.prune(sample_store.request(POLICY), sample_store.world()).facts["deleted"] == 1


def test_one_kind_of_mark_says_nothing_about_the_other(sample_store):
    old = sample_store.make(40)
    pin(sample_store, old)
    assert pin(sample_store, old, kind="hold").changed
    assert pin(sample_store, old, state="absent").changed
    said = sample_store.opened().marks(old)[old]
    assert (said.pinned, said.held) == (False, True)


def test_a_pin_that_nobody_can_check_protects_all_the_same(sample_store):
    sample_store.make(0)
    old = sample_store.make(40)
    sample_store.store.put_new(repository.mark("shop", old, "hold", "b" * 16), b"{}")
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert not done.changed
    assert any("not signed" in warning for warning in done.warnings)
    assert pin(sample_store, old, kind="hold", state="absent").changed
    assert prune.prune(sample_store.request(POLICY), sample_store.world()).facts["deleted"] == 1


def test_check_mode_of_a_mark_says_what_would_be_and_writes_nothing(sample_store):
    old = sample_store.make(40)
    request = marking.MarkRequest(sample_store.settings, "main", "shop", old)
    planned = marking.mark(request, sample_store.world(dry_run=True))
    assert sample_store.objects("marks") == []
    assert planned == marking.mark(request, sample_store.world())
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
def test_a_mark_that_cannot_be_meant_is_refused(sample_store, changes, field):
    with pytest.raises(UsageError) as caught:
        pin(sample_store, sample_store.make(0), **changes)
    assert caught.value.details["field"] == field


def marked_restore_tested(sample_store, identity):
    backup = sample_store.opened().read("main/shop", identity)
    return marking.record_restore_test(backup, "restored", sample_store.world())


def test_the_newest_restore_tested_backup_stays_however_old(sample_store):
    sample_store.make(0)
    old, older = sample_store.make(40), sample_store.make(50)
    assert marked_restore_tested(sample_store, old) == (True, "")
    marked_restore_tested(sample_store, older)
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    reasons = {decision["backup_id"]: decision["reasons"] for decision in done.facts["decisions"]}
    assert reasons[old] == ["newest restore-tested"]
    assert older not in sample_store.listed()
    row = listing.list_backups(listing.ListRequest(sample_store.settings), sample_store.world()).facts["backups"][0]
    assert row["restore_tested"]
    assert datetime.datetime.fromisoformat(row["restore_tested_at"]) == sample_store.now.replace(microsecond=0)


def test_a_mark_of_another_manifest_verifies_nothing(sample_store):
    """A host that makes a backup anew under an old id does not inherit what was proved about it."""
    identity = sample_store.make(40)
    mark = marks.Mark(
        "shop",
        "main/shop",
        identity,
        "f" * 64,
        "restore_tested",
        secrets.token_hex(8),
        sample_store.now.replace(microsecond=0),
    )
    opened = sample_store.opened()
    marks.write(opened.store, opened.trusted_keys, mark)
    row = listing.list_backups(listing.ListRequest(sample_store.settings), sample_store.world()).facts["backups"][0]
    assert not row["restore_tested"]


def test_a_mark_moved_to_another_backup_is_not_believed(sample_store):
    one, other = sample_store.make(40), sample_store.make(41)
    marked_restore_tested(sample_store, one)
    [name] = sample_store.objects("marks")
    sample_store.store.put_new(name.replace(one, other), b"".join(sample_store.store.get(name)))
    said = sample_store.opened().marks()
    assert said[one].of("restore_tested")
    assert not said[other].of("restore_tested")
