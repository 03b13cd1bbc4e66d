# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Doctor, metrics, page, list and retention say the same of the same backups."""

from __future__ import annotations

import datetime
import os
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import AccessDenied
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor import doctor
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.mark import marking
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore import choice
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies import (
    assessment,
    backup_figures,
    judging,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import (
    catalogue,
    choosing,
    protection,
    receipts,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import policy
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.planner import Candidate

if t.TYPE_CHECKING:
    from sample_host import SampleHost

SHOP = 'application="shop",cluster="main",database="shop"'


def listed(sample: SampleHost) -> dict[str, t.Any]:
    return listing.list_backups(listing.ListRequest(sample.settings), sample.world()).facts


def checks(sample: SampleHost, *names: str) -> dict[str, set[str]]:
    """Return the results of the doctor's checks by their names."""
    request = doctor.ExamineRequest(sample.settings, cluster="main", only=names, fail_on="never")
    found: dict[str, set[str]] = {}
    for check in doctor.make_checks(request, sample.world(dry_run=True)):
        found.setdefault(check.name, set()).add(check.result)
    return found


def reasons(sample: SampleHost) -> dict[str, t.Any]:
    """Return why retention keeps each backup, by its id."""
    kept = policy.parse({"keep_last": 1, "min_keep": 1, "max_delete_share": 100})
    request = prune.PruneRequest(sample.settings, kept, force=True, replica=True)
    for path in (sample.home / "store").rglob("*"):
        os.utime(path, (sample.now.timestamp(),) * 2)  # the store's clock is this machine's
    facts = prune.prune(request, sample.world(dry_run=True)).facts
    return {decision["backup_id"]: decision["reasons"] for decision in facts["decisions"]}


def said_by(sample: SampleHost) -> dict[str, str | None]:
    """Return the newest restore-tested backup of shop, as each of them says it."""
    metrics = sample.watch().facts["databases"][0]["newest_restore_tested"]
    rows = [row["backup_id"] for row in listed(sample)["backups"] if row["restore_tested"]]
    kept = [identity for identity, why in reasons(sample).items() if "newest restore-tested" in why]
    return {"metrics": metrics, "list": (rows or [None])[-1], "retention": (kept or [None])[-1]}


@pytest.mark.parametrize("how", ["mark", "log"])
def test_all_mean_the_same_backup_by_restore_tested(sample: SampleHost, how: str) -> None:
    old, tested, unproved, newest = (sample.back_up(hours=hours) for hours in (75, 50, 26, 2))
    if how == "log":
        sample.validated(old)
        sample.validated(tested)
    else:
        opened = catalogue.open_repository(sample.settings, sample.world())
        for identity in (old, tested):
            assert marking.record_restore_test(opened.read("main/shop", identity), "restored", sample.world()) == (
                True,
                "",
            )
    # What was compared with nothing, read, or restored by hand is not tested.
    sample.log("validation", backup_id=unproved, mode="scratch", proof="none")
    sample.log("validation", "failed", backup_id=newest, mode="scratch", proof="counts")
    sample.log("verification", backup_id=newest, level="opens")
    assert said_by(sample) == dict.fromkeys(("metrics", "list", "retention"), tested)
    assert checks(sample, "restore_tested_age") == {"restore_tested_age": {"warning"}}
    sample.now -= datetime.timedelta(hours=3)
    assert checks(sample, "restore_tested_age") == {"restore_tested_age": {"ok"}}


LIMITS = doctor.Limits(restore_tested_age=72 * 3600.0)
PASSED = {"proof": "counts", "mode": "scratch"}
DIFFERS = {"error": "ProofMismatch", "mode": "scratch"}


@pytest.mark.parametrize(
    ("words", "tested"),
    [
        ([("ok", PASSED)], True),
        ([("ok", {"proof": "none"})], False),
        ([("ok", PASSED), ("ok", {"proof": "none"})], True),
        ([("ok", PASSED), ("failed", DIFFERS)], False),
        ([("ok", PASSED), ("failed", {"error": "Tampered"})], False),
        ([("failed", DIFFERS), ("ok", PASSED)], True),
        # These say nothing about the backup.
        ([("ok", PASSED), ("failed", {"error": "DatabaseError"})], True),
        ([("ok", PASSED), ("stopped", {"error": "Ended"})], True),
        ([("ok", PASSED), ("failed", {**DIFFERS, "mode": "existing"})], True),
    ],
)
@pytest.mark.parametrize("marked", [False, True])
def test_the_last_word_on_a_backup_counts(
    sample: SampleHost, words: list[tuple[str, dict[str, t.Any]]], tested: bool, marked: bool
) -> None:
    """Also where a mark that was set before them says something else."""
    identity = sample.back_up(hours=30)
    if marked:
        sample.now -= datetime.timedelta(hours=9)
        backup = catalogue.open_repository(sample.settings, sample.world()).read("main/shop", identity)
        marking.record_restore_test(backup, "restored", sample.world())
        sample.now += datetime.timedelta(hours=9)
    for number, (result, facts) in enumerate(words):
        sample.log("validation", result, hours=8 - number, backup_id=identity, **facts)
    found = identity if tested or (marked and words[-1][1] == {"proof": "none"}) else None
    assert said_by(sample) == dict.fromkeys(("metrics", "list", "retention"), found)


def test_a_mark_that_was_taken_back_is_a_later_word_than_an_earlier_test_here(sample: SampleHost) -> None:
    identity = sample.back_up(hours=30)
    sample.validated(identity, hours=3)
    backup = catalogue.open_repository(sample.settings, sample.world()).read("main/shop", identity)
    assert marking.record_restore_test(backup, "restored", sample.world()) == (True, "")
    assert marking.record_restore_test(backup, "it differs", sample.world(), passed=False) == (True, "")
    assert said_by(sample) == dict.fromkeys(("metrics", "list", "retention"), None)
    sample.validated(identity, hours=-1)
    assert said_by(sample) == dict.fromkeys(("metrics", "list", "retention"), identity)


def test_a_repeated_restore_test_is_a_later_word_than_a_failure_elsewhere(sample: SampleHost) -> None:
    """A host that may not sign such marks knows of its own failure, and by the mark of what came after it."""
    identity = sample.back_up(hours=30)
    backup = catalogue.open_repository(sample.settings, sample.world()).read("main/shop", identity)
    assert marking.record_restore_test(backup, "restored", sample.world()) == (True, "")
    sample.now += datetime.timedelta(hours=1)
    sample.log("validation", "failed", hours=0, backup_id=identity, error="Tampered", mode="scratch")
    assert said_by(sample) == dict.fromkeys(("metrics", "list", "retention"), None)
    sample.now += datetime.timedelta(hours=1)
    assert marking.record_restore_test(backup, "restored", sample.world()) == (True, "")
    assert said_by(sample) == dict.fromkeys(("metrics", "list", "retention"), identity)
    assert listed(sample)["backups"][0]["restore_tested_at"] == sample.now.isoformat()


def test_a_restore_test_of_chosen_tables_or_of_an_emergency_backup_protects_nothing(sample: SampleHost) -> None:
    newest = sample.back_up(hours=30)
    sample.validated(sample.back_up(hours=3, scope="partial"))
    sample.validated(sample.back_up(hours=2, reason="emergency"))
    assert checks(sample, "restore_tested_age") == {"restore_tested_age": {"warning"}}
    database = sample.watch().facts["databases"][0]
    assert (database["newest"], database["newest_restore_tested"]) == (newest, None)
    assert listed(sample)["latest"]["main/shop"]["backup_id"] == newest


def test_of_two_that_overlap_the_one_that_began_later_is_the_latest(sample: SampleHost) -> None:
    """Its data is the younger, however long the other took."""
    sample.back_up(hours=1, seconds=4 * 3600)
    later = sample.back_up(hours=2, seconds=60)
    opened = catalogue.open_repository(sample.settings, sample.world())
    assert opened.find("main/shop", "latest").manifest.backup_id == later
    assert listed(sample)["latest"]["main/shop"]["backup_id"] == later
    assert sample.watch().facts["databases"][0]["newest"] == later
    known = receipts.Receipts(str(sample.home / "state")).of("shop")
    newest = choosing.newest(known)
    assert newest is not None
    assert newest.backup_id == later
    assert {"one of the newest 1", "one of the newest 1 (min_keep)"} <= set(reasons(sample)[later])


def test_of_two_that_overlap_and_were_tested_all_mean_the_later_one(sample: SampleHost) -> None:
    early, later = sample.back_up(hours=3, seconds=4 * 3600), sample.back_up(hours=4, seconds=60)
    for identity in (early, later):
        sample.validated(identity)
    assert said_by(sample) == dict.fromkeys(("metrics", "list", "retention"), later)


def test_one_that_claims_to_begin_in_the_future_is_not_the_latest_for_ever(sample: SampleHost) -> None:
    newest = sample.back_up(hours=3)
    sample.back_up(hours=2, seconds=-48 * 3600, receipt=False)
    opened = catalogue.open_repository(sample.settings, sample.world())
    assert opened.find("main/shop", "latest").manifest.backup_id == newest
    assert listed(sample)["latest"]["main/shop"]["backup_id"] == newest


def test_of_two_within_a_second_a_host_that_may_only_write_knows_the_later_one(
    sample: SampleHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample.now = sample.now.replace(microsecond=900_000)
    sample.back_up(hours=2 + 0.5 / 3600, token="f" * 16)
    later = sample.back_up(hours=2, token="0" * 16)

    def refused(*_given: object) -> t.NoReturn:
        raise AccessDenied("Access is denied.", "", code="AccessDenied", status=403)

    monkeypatch.setattr(DirectoryStore, "list", refused)
    assert sample.watch().facts["databases"][0]["newest"] == later


def test_a_host_that_may_only_write_misses_no_expired_backup(
    sample: SampleHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample.back_up(hours=60)
    gone = sample.back_up(hours=2)
    receipts.Receipts(str(sample.home / "state")).forget("shop", [gone])

    def refused(*_given: object) -> t.NoReturn:
        raise AccessDenied("Access is denied.", "", code="AccessDenied", status=403)

    monkeypatch.setattr(DirectoryStore, "list", refused)
    assert sample.values()[f"lifeboat_backup_newest_timestamp_seconds{{{SHOP}}}"] == sample.now.timestamp() - 60 * 3600


def test_the_doctor_of_a_host_that_may_only_write_speaks_of_what_it_remembers(
    sample: SampleHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the metrics do, also where no server is asked which databases there should be."""
    tested = sample.back_up(hours=60)
    sample.back_up("orders", hours=500)
    sample.back_up(hours=5)

    def refused(*_given: object) -> t.NoReturn:
        raise AccessDenied("Access is denied.", "", code="AccessDenied", status=403)

    monkeypatch.setattr(DirectoryStore, "list", refused)
    assert checks(sample, "backup_age") == {"backup_age": {"failed"}}
    assert checks(sample, "restore_tested_age") == {"restore_tested_age": {"warning"}}
    sample.validated(tested)
    request = doctor.ExamineRequest(
        sample.settings, cluster="main", only=("restore_tested_age",), fail_on="never", limits=LIMITS
    )
    [found] = doctor.make_checks(request, sample.world(dry_run=True))
    assert (found.facts["component"], found.result) == ("main/orders", "warning")
    assert found.cause.endswith("This host cannot read the marks in the store, and uses its own log.")


def known(sample: SampleHost, identity: str, **values: t.Any) -> protection.KnownBackup:
    at = sample.now - datetime.timedelta(hours=1)
    return protection.KnownBackup("main/shop", identity, at, at, "full", "scheduled", 1, 1, **values)


def suspicious(sample: SampleHost, wanted: judging.Thresholds) -> dict[str, bool]:
    """Return whether the newest backup of shop is suspicious, as each of them says it."""
    opened = catalogue.open_repository(sample.settings, sample.world())
    memory = backup_figures.Statistics(sample.settings.state_dir, sample.settings.place)
    noted: list[str] = []
    for backup in opened.backups("main/shop"):
        noted, _trouble = assessment.note(memory, backup.manifest, {}, wanted)
    remembered = assessment.remembered(sample.settings, [], wanted, sample.now)
    newest = listing.list_backups(listing.ListRequest(sample.settings, thresholds=wanted), sample.world())
    latest = newest.facts["latest"]["main/shop"]
    chosen = choice.choose(sample.settings, "main/shop", "latest", wanted, sample.world())
    return {
        "backup": bool(noted),
        "memory": bool(protection.of(remembered)["main/shop"].newest.suspicions),  # type: ignore[union-attr]
        "list": bool(latest["suspicions"]),
        "restore": bool(chosen.cautions),
    }


def test_all_mean_the_same_by_suspicious_however_many_backups_of_tables_lie_between(sample: SampleHost) -> None:
    for hours in range(200, 100, -24):
        sample.back_up(hours=hours, data=100 << 20)
    for minutes in range(30):
        sample.back_up(hours=50 - minutes / 60, scope="partial")
    sample.back_up(hours=2, data=10 << 20)
    for thresholds, expected in ((judging.Thresholds(5, 3), True), (judging.Thresholds(5, 3, shrink=95), False)):
        assert suspicious(sample, thresholds) == dict.fromkeys(("backup", "memory", "list", "restore"), expected)


def test_all_judge_a_backup_by_those_that_began_before_it(sample: SampleHost) -> None:
    """Also by one that took long and ended after it."""
    for hours in (72, 48):
        sample.back_up(hours=hours, data=100 << 20)
    sample.back_up(hours=1, data=100 << 20, seconds=20 * 3600)
    sample.back_up(hours=2, data=10 << 20)
    assert suspicious(sample, judging.Thresholds(5, 3)) == dict.fromkeys(("backup", "memory", "list", "restore"), True)


def test_a_candidate_of_retention_is_all_that_is_known_of_a_backup(sample: SampleHost) -> None:
    one = known(sample, "b", parents=("a",), pinned=True, held=True, restore_tested_at=sample.now)
    candidate = Candidate.of(one)
    assert (candidate.parents, candidate.pinned, candidate.held, candidate.restore_tested) == (("a",), True, True, True)
    assert (candidate.failed, candidate.misdated, candidate.in_use, candidate.locked_until) == (False, False, "", None)


def test_what_the_store_locks_expires_when_its_lock_ends(sample: SampleHost, monkeypatch: pytest.MonkeyPatch) -> None:
    sample.back_up(hours=24 * 40)
    for hours in (50, 26, 2):
        sample.back_up(hours=hours)
    until = sample.now + datetime.timedelta(days=3)
    name = f"lifeboat_backup_next_expiry_timestamp_seconds{{{SHOP}}}"
    assert sample.values(policy={"keep_within": "30d"})[name] < sample.now.timestamp()
    monkeypatch.setattr(DirectoryStore, "locked_until", lambda _store, _name: until)
    assert sample.values(policy={"keep_within": "30d"})[name] == until.timestamp()


def test_a_mark_that_retention_purges_while_it_is_read_hides_nothing_else(
    sample: SampleHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, tested = sample.back_up(hours=30), sample.back_up(hours=5)
    opened = catalogue.open_repository(sample.settings, sample.world())
    for identity in (gone, tested):
        marking.record_restore_test(opened.read("main/shop", identity), "restored", sample.world())
    real = DirectoryStore.get

    def get(store: DirectoryStore, name: str, *given: t.Any) -> t.Any:
        if f"/marks/{gone}/" in name:
            store.delete(name)
        return real(store, name, *given)

    monkeypatch.setattr(DirectoryStore, "get", get)
    shown = listed(sample)
    assert [row["restore_tested"] for row in shown["backups"]] == [False, True]
    assert (shown["problems"], sample.watch().facts["databases"][0]["newest_restore_tested"]) == ([], tested)


def test_how_long_a_backup_usually_takes_is_said_by_those_of_its_scope(sample: SampleHost) -> None:
    def one(hours: float, scope: str, seconds: float) -> protection.KnownBackup:
        at = sample.now - datetime.timedelta(hours=hours)
        return protection.KnownBackup("main/shop", f"b{hours}", at, at, scope, "scheduled", 1, 1, seconds=seconds)

    made = [one(90 - number, "incremental", 60) for number in range(12)]
    made += [one(100 + number, "full", 3600) for number in range(4)]
    assert protection.of(made)["main/shop"].usual_seconds == 60
    assert protection.of([*made, one(1, "full", 3600)])["main/shop"].usual_seconds == 3600
