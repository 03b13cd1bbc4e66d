# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A component that is no database goes through the same operations: backed up, listed, verified, proved, restored."""

from __future__ import annotations

import dataclasses
import datetime
import errno
import functools
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components import base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import Check
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.trials import (
    ScratchTrial,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import directory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import journal
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AccessDenied,
    Busy,
    CanaryMissed,
    NotFound,
    ProofMismatch,
    RecoveryError,
    Tampered,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup.backup import (
    BackupRequest,
    back_up,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore.restore import (
    RestoreRequest,
    restore,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.verify import verification
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies import judging
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import reread
from values import Values, ValuesPlace

if t.TYPE_CHECKING:
    from sample_host import SampleHost


class Shop:
    """A directory of values, and the sample that it is backed up to."""

    def __init__(self, sample: SampleHost, home: Path) -> None:
        self.sample = sample
        self.directory = home / "prices"
        self.directory.mkdir()
        self.values = Values(self.directory)
        self.write(tea="3", coffee="4", milk="1")

    def write(self, **values: str) -> None:
        for name, value in values.items():
            (self.directory / name).write_text(value)

    def read(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.directory.glob("*")}

    def back_up(self, **options: t.Any) -> t.Any:
        self.sample.now += datetime.timedelta(minutes=1)
        world = self.sample.world(dry_run=options.pop("dry_run", False))
        return back_up(BackupRequest(self.sample.settings, self.values, **options), world)

    def restore(self, *, dry_run: bool = False, **options: t.Any) -> t.Any:
        self.sample.now += datetime.timedelta(minutes=1)
        request = RestoreRequest(self.sample.settings, self.values, **options)
        return restore(request, self.sample.world(dry_run=dry_run))

    def validate(self, **options: t.Any) -> t.Any:
        request = validation.ValidateRequest(self.sample.settings, self.values.name, self.values, **options)
        return validation.validate(request, self.sample.world())


@pytest.fixture
def shop(sample: SampleHost, tmp_path: Path) -> Shop:
    return Shop(sample, tmp_path)


@pytest.fixture
def chained(shop: Shop) -> Shop:
    """Two backups, the second on top of the first."""
    shop.back_up()
    shop.write(tea="5")
    (shop.directory / "milk").unlink()
    shop.back_up(max_shrink=0)
    return shop


def test_a_preview_stores_nothing(shop: Shop) -> None:
    planned = shop.back_up(dry_run=True)
    assert "store tea" in planned.after
    assert planned.changed
    assert listing.list_backups(listing.ListRequest(shop.sample.settings), shop.sample.world()).facts["backups"] == []


def test_a_backup_that_is_not_due_is_not_made(shop: Shop) -> None:
    assert shop.back_up().changed
    again = shop.back_up()
    assert not again.changed
    assert "is what is there still: nothing to do." in again.facts["summary"]


def test_whatever_is_said_of_a_backup_has_the_same_keys(shop: Shop) -> None:
    planned, made = shop.back_up(dry_run=True), shop.back_up()
    young, same = shop.back_up(max_age=3600), shop.back_up()
    assert [each.changed for each in (planned, made, young, same)] == [True, True, False, False]
    results = [each.facts["backup"] for each in (planned, made, young, same)]
    assert [result.keys() for result in results] == [results[0].keys()] * 4
    assert [result["values"] for result in results] == [3, 3, None, None]
    assert results[2] == results[3]
    known = {name for name, value in results[2].items() if value is not None}
    assert {name: made.facts["backup"][name] for name in known} == {name: results[2][name] for name in known}
    assert known >= {
        "backup_id",
        "component",
        "finished",
        "plain_size",
        "reason",
        "scope",
        "seconds",
        "size",
        "started",
    }


def test_a_backup_is_listed_and_verified_like_any_other(chained: Shop) -> None:
    sample = chained.sample
    rows = listing.list_backups(listing.ListRequest(sample.settings), sample.world()).facts["backups"]
    assert [(row["component"], row["kind"]) for row in rows] == [("values/prices", "values")] * 2
    verified = verification.verify(verification.VerifyRequest(sample.settings), sample.world())
    assert verified.facts["problems"] == []
    assert verified.facts["files_read"] == 4


def test_a_verification_of_one_backup_reads_what_it_needs_too(chained: Shop) -> None:
    sample = chained.sample
    request = verification.VerifyRequest(sample.settings, "values", "prices", backup="latest")
    assert verification.verify(request, sample.world()).facts["files_read"] == 4
    first = min(Path(sample.home, "store").rglob("0001.lbx"), key=lambda path: path.parent.name)
    first.write_bytes(b"?" * first.stat().st_size)
    with pytest.raises(Tampered, match=first.parent.name):
        verification.verify(request, sample.world())


def test_a_verification_of_one_backup_tells_that_what_it_needs_is_gone(chained: Shop) -> None:
    first, last = sorted(path.stem for path in Path(chained.sample.home, "store").rglob("backup-*.json"))
    next(Path(chained.sample.home, "store").rglob(f"{first}.json")).unlink()
    request = verification.VerifyRequest(chained.sample.settings, "values", "prices", backup=last)
    with pytest.raises(Tampered, match=f"{last} needs what is damaged"):
        verification.verify(request, chained.sample.world())


def test_what_a_backup_needs_is_restored_before_it_and_the_old_is_backed_up_first(chained: Shop) -> None:
    chained.write(tea="nonsense", rum="9")
    with pytest.raises(UsageError, match="set confirm: prices@here"):
        chained.restore()
    done = chained.restore(confirm="prices@here")
    assert chained.read() == {"tea": "5", "coffee": "4"}
    made = done.facts["restore"]["emergency_backup_id"]
    back = chained.restore(confirm="prices@here", backup=made)
    assert chained.read() == {"tea": "nonsense", "coffee": "4", "rum": "9"}
    assert back.facts["restore"]["proved"] == "content"


def test_a_rerun_in_one_recovery_does_nothing(chained: Shop) -> None:
    first = chained.restore(confirm="prices@here", recovery_id="fire")
    again = chained.restore(recovery_id="fire")
    assert (first.changed, again.changed) == (True, False)
    assert first.facts["restore"].keys() == again.facts["restore"].keys()
    assert (first.facts["restore"]["values"], again.facts["restore"]["values"]) == (2, None)


@pytest.mark.parametrize(("compared", "proved"), [(True, "content"), (False, "none")])
def test_a_rerun_claims_the_proof_that_was_taken_and_no_other(chained: Shop, compared: bool, proved: str) -> None:
    first = chained.restore(confirm="prices@here", recovery_id="fire", validate=compared)
    again = chained.restore(recovery_id="fire")
    assert [done.facts["restore"]["proved"] for done in (first, again)] == [proved, proved]


def test_a_plan_says_what_goes_and_what_it_needs(chained: Shop) -> None:
    planned = chained.restore(dry_run=True)
    assert "REMOVE what is in prices and write 2 backups" in planned.after
    assert planned.after.endswith("or a pinned backup; check mode does not try to write one\n")
    assert planned.facts["restore"]["confirm"] == "prices@here"
    assert chained.read() == {"tea": "5", "coffee": "4"}


def test_a_lost_parent_stops_a_restore_before_anything_is_touched(chained: Shop) -> None:
    first = min(Path(chained.sample.home, "store").rglob("backup-*.json"))
    first.unlink()
    with pytest.raises(NotFound):
        chained.restore(confirm="prices@here")
    assert chained.read() == {"tea": "5", "coffee": "4"}


def test_a_backup_is_proved_by_its_proof_and_by_questions(chained: Shop) -> None:
    right = Check("price of tea", "tea", expect="5")
    found = chained.validate(checks=(right,)).facts["validation"]
    assert (found["passed"], found["mode"], found["checks"][0]["found"]) == (True, "scratch", "5")
    with pytest.raises(ProofMismatch, match="price of tea"):
        chained.validate(checks=(Check("price of tea", "tea", expect="3"),))


def unread(shop: Shop) -> set[str]:
    """Return the last parts of the names of the stored files that the host does not remember reading."""
    memory = reread.RereadFiles(shop.sample.settings.state_dir, shop.sample.settings.place).of("shop")
    files = Path(shop.sample.home, "store").rglob("*.lbx")
    return {f"{path.parent.name}/{path.name}" for path in files if path.name not in memory.get(path.parent.name, ())}


def test_what_a_test_really_read_is_remembered_and_nothing_else(chained: Shop) -> None:
    first = min(name.partition("/")[0] for name in unread(chained))
    chained.validate()
    # The parent's record says what is in it, and a restore needs no more than its values.
    assert unread(chained) == {f"{first}/detail.lbx"}
    chained.sample.now += datetime.timedelta(minutes=1)
    chained.write(tea="6")
    third = chained.back_up(max_shrink=0).facts["backup"]["backup_id"]
    chained.sample.damage(f"shop/data/{third}/0001.lbx")
    with pytest.raises(Tampered):
        chained.validate()
    assert unread(chained) == {f"{first}/detail.lbx", f"{third}/detail.lbx", f"{third}/0001.lbx"}


def is_tested(shop: Shop) -> bool:
    """Return whether the newest backup is restore-tested, as the list says it."""
    facts = listing.list_backups(listing.ListRequest(shop.sample.settings), shop.sample.world()).facts
    return bool(facts["latest"]["values/prices"]["restore_tested"])


class Living(Values):
    """One whose trials look at what is there."""

    mode = "existing"


def test_a_test_that_fails_takes_back_what_an_earlier_one_said(chained: Shop) -> None:
    wrong = (Check("price of tea", "tea", expect="3"),)
    chained.validate()
    assert is_tested(chained)
    with pytest.raises(ProofMismatch):
        chained.validate(checks=wrong)
    assert not is_tested(chained)
    assert chained.validate().facts["restore_tested_mark"]
    assert is_tested(chained)
    chained.values = Living(chained.directory)
    with pytest.raises(ProofMismatch):
        chained.validate(checks=wrong)
    assert is_tested(chained)  # a database that lives goes on changing


def test_a_byte_that_is_not_as_signed_takes_it_back_too(chained: Shop) -> None:
    chained.validate()
    facts = listing.list_backups(listing.ListRequest(chained.sample.settings), chained.sample.world()).facts
    latest = facts["latest"]["values/prices"]["backup_id"]
    chained.sample.damage(f"shop/data/{latest}/0001.lbx")
    with pytest.raises(Tampered):
        chained.validate()
    assert not is_tested(chained)


def test_a_backup_of_another_kind_is_refused_by_name(chained: Shop) -> None:
    request = validation.ValidateRequest(chained.sample.settings, chained.values.name, ScratchTrial())
    with pytest.raises(UsageError, match=r"is values, not logical\."):
        validation.validate(request, chained.sample.world())


def test_a_backup_that_was_named_is_the_one_that_is_restored_whatever_the_clock_was(chained: Shop) -> None:
    # Else a host whose clock was set back restores the parent in place of what was asked for, and calls it proved.
    chained.write(tea="6")
    chained.sample.now -= datetime.timedelta(hours=2)
    made = chained.back_up(max_shrink=0).facts["backup"]["backup_id"]
    chained.sample.now += datetime.timedelta(hours=2)
    done = chained.restore(confirm="prices@here", backup=made, emergency_backup="off")
    assert done.facts["restore"]["backup_id"] == made
    assert chained.read() == {"tea": "6", "coffee": "4"}


def test_what_a_backup_needs_stays_announced_while_it_is_proved(chained: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    # Else retention may let a parent go in the middle of a restore test, which then fails for no fault of the backup.
    announced: list[str] = []
    begin = validation.readings.announced

    def and_note(backup: t.Any, *rest: t.Any) -> t.Any:
        announced.append(backup.manifest.backup_id)
        return begin(backup, *rest)

    monkeypatch.setattr(validation.readings, "announced", and_note)
    chained.validate()
    assert len(announced) == 2


def test_canaries_are_planted_in_whatever_a_component_offers(chained: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert chained.validate().facts["validation"]["canaries"] is None
    done = chained.validate(canaries=True)
    told = done.facts["validation"]["canaries"]
    assert (told["planted"], told["found"], told["missed"]) == (7, 7, [])
    assert told["skipped"] == [{"name": "changed_owner", "reason": "Values have no owner."}]
    assert "7 of 7 canaries found, 1 skipped" in done.facts["summary"]
    marks = sorted(chained.sample.home.rglob("restore_tested-*.json"))
    monkeypatch.setattr(ValuesPlace, "compare", lambda _place: base.Comparison())
    with pytest.raises(CanaryMissed, match="lost_value in coffee differs, and 1 more") as caught:
        chained.validate(canaries=True)
    assert t.cast("t.Any", caught.value.details["validation"])["passed"] is False
    assert sorted(chained.sample.home.rglob("restore_tested-*.json")) == marks


def test_no_canary_is_planted_in_what_failed_already(chained: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ValuesPlace, "compare", lambda _place: base.Comparison(("tea differs",)))
    monkeypatch.setattr(ValuesPlace, "plantings", lambda _place: pytest.fail("nothing may be planted"))
    with pytest.raises(ProofMismatch) as caught:
        chained.validate(canaries=True)
    assert t.cast("t.Any", caught.value.details["validation"])["canaries"] is None


def test_what_stands_on_another_backup_is_the_latest_all_the_same(chained: Shop) -> None:
    shown = listing.list_backups(listing.ListRequest(chained.sample.settings), chained.sample.world()).facts
    assert [row["scope"] for row in shown["backups"]] == ["full", "incremental"]
    assert shown["latest"]["values/prices"]["backup_id"] == shown["backups"][-1]["backup_id"]


@dataclasses.dataclass(frozen=True)
class Odd(Values):
    """One that says something else about its backups than what they are."""

    says: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)

    def capture(self, *given: t.Any) -> t.Any:
        return dataclasses.replace(Values.capture(self, *given), **self.says)


def test_what_no_reader_would_accept_is_never_published(shop: Shop) -> None:
    # Else a component that is not right makes backups, and whoever needs one is the first to know.
    wrong = [{"scope": "most"}, {"versions": {"server": 17}}, {"scope": "incremental"}]
    for says in wrong:
        shop.values = Odd(shop.directory, says=says)
        with pytest.raises(RecoveryError, match=r"This backup would be rejected.*Report this bug"):
            shop.back_up()
    assert not [path for path in Path(shop.sample.home, "store").rglob("*") if path.is_file()]


class Restless(Values):
    """One that finds at its end that it did not stand still."""

    def capture(self, *given: t.Any) -> t.Any:
        Values.capture(self, *given)
        raise Busy("The prices were renamed.", "Back up when nothing is being renamed.")


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (Values, {"min_bytes": 1 << 30}),
        (functools.partial(Odd, says={"scope": "full", "parents": ()}), {"max_shrink": 1}),
        (functools.partial(Odd, says={"scope": "most"}), {}),
        (Restless, {}),
    ],
)
def test_what_is_refused_where_nothing_may_be_deleted_is_garbage_and_no_hidden_backup(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, source: t.Callable[[Path], Values], options: dict[str, t.Any]
) -> None:
    # Else each night's refusal becomes a false alarm that somebody tampered, for good.
    def refuse(_store: object, _name: str) -> None:
        raise AccessDenied("Access is denied.", "Allow it.")

    monkeypatch.setattr(directory.DirectoryStore, "delete", refuse)
    first = shop.back_up().facts["backup"]["backup_id"]
    shop.write(tea="5")
    shop.values = source(shop.directory)
    with pytest.raises(RecoveryError):
        shop.back_up(**options)
    left = {path.name for path in Path(shop.sample.home, "store").rglob("*.lbx") if path.parent.name != first}
    assert left == {"0001.lbx"}
    shop.sample.now += datetime.timedelta(days=1)
    verified = verification.verify(verification.VerifyRequest(shop.sample.settings), shop.sample.world())
    assert verified.facts["problems"] == []


def test_a_file_that_is_gone_before_its_backup_is_published_leaves_no_hidden_backup(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Losing(Values):
        def capture(self, *given: t.Any) -> t.Any:
            captured = Values.capture(self, *given)
            next(Path(shop.sample.home, "store").rglob("0001.lbx")).unlink()
            return captured

    monkeypatch.setattr(directory.DirectoryStore, "delete", lambda *_given: None)
    shop.values = Losing(shop.directory)
    with pytest.raises(RecoveryError, match="was removed during the backup"):
        shop.back_up()
    assert not list(Path(shop.sample.home, "store").rglob("*.lbx"))


def test_a_backup_that_stands_alone_is_compared_with_the_last_one_that_did(shop: Shop) -> None:
    shop.write(rum="x" * 50_000)
    shop.back_up()
    shop.write(tea="5")
    assert shop.back_up().facts["backup"]["plain_size"] < 1000
    shop.write(rum="x" * 10_000)
    shop.values = Odd(shop.directory, says={"scope": "full", "parents": ()})
    with pytest.raises(RecoveryError, match="shrank"):
        shop.back_up()


def test_whoever_hides_the_newest_does_not_decide_what_is_restored(chained: Shop) -> None:
    # On the host of a disaster there are no receipts: what lies in the store without a manifest must tell.
    made = max(chained.sample.home.rglob("backup-*.json"))
    made.unlink()
    (chained.sample.home / "state" / "receipts.jsonl").unlink()
    chained.sample.now += datetime.timedelta(hours=3)
    with pytest.raises(UsageError, match=f"is not the newest backup of values/prices; {made.stem} came later"):
        chained.restore(confirm="prices@here")
    (told, _confirm) = chained.restore(dry_run=True).warnings
    assert "The restore will be refused. To restore it anyway, set backup: backup-" in told


def test_the_record_of_another_component_hides_nothing_of_this_one(chained: Shop) -> None:
    home = chained.sample.home / "wages"
    home.mkdir()
    other = Shop(chained.sample, home)
    other.values = dataclasses.replace(other.values, name=("values", "wages"))
    made = other.back_up().facts["backup"]["backup_id"]
    (chained.sample.home / "store/shop/manifests/values/wages" / f"{made}.json").unlink()
    (chained.sample.home / "state" / "receipts.jsonl").unlink()
    (warning,) = chained.restore(dry_run=True).warnings
    assert warning.startswith("prices on here contains data")


def test_a_component_says_itself_what_later_backups_are_compared_with(shop: Shop) -> None:
    for count in (*range(1000, 1008), 3):
        shop.write(tea=str(count))
        counted = base.Figures(rows=count, members={"all": 1})
        shop.values = Odd(shop.directory, says={"scope": "full", "parents": (), "figures": counted})
        made = shop.back_up(max_shrink=0)
        assert made.changed
    (suspicion,) = made.facts["backup"]["suspicions"]
    assert "shrank to 3 rows" in suspicion


def test_nothing_about_its_figures_fails_a_backup_that_exists(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.values = Odd(shop.directory, says={"figures": base.Figures(members={"one that is not there": 7})})
    assert "lists no complete member 0007" in shop.back_up().warnings[0]
    monkeypatch.setattr(judging, "judged", lambda *_given: 1 / 0)
    shop.values = Values(shop.directory)
    shop.write(tea="4")
    assert "was compared with nothing: ZeroDivisionError" in shop.back_up().warnings[-1]
    monkeypatch.undo()
    world = shop.sample.world()
    assert len(listing.list_backups(listing.ListRequest(shop.sample.settings), world).facts["backups"]) == 2


def write_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the host read the trust files of its store, and nothing else there."""
    for method in ("list", "head", "get"):
        real = getattr(directory.DirectoryStore, method)

        def ask(store: object, name: str, *rest: t.Any, real: t.Any = real) -> t.Any:
            if name.startswith("shop/trust/"):
                return real(store, name, *rest)
            raise AccessDenied("Access is denied.", "Allow it.")

        monkeypatch.setattr(directory.DirectoryStore, method, ask)


def test_a_clock_that_was_wrong_once_does_not_decide_for_a_year_on_a_host_that_may_only_write(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_only(monkeypatch)
    today = shop.sample.now
    shop.sample.now += datetime.timedelta(days=365)
    shop.back_up()
    shop.sample.now = today
    shop.write(rum="x" * 50_000)
    made = shop.back_up().facts["backup"]
    assert made["scope"] == "full"  # a parent whose clock was wrong is none
    young = shop.back_up(max_age=3600)
    assert not young.changed
    assert young.facts["backup"]["backup_id"] == made["backup_id"]
    shop.write(rum="x" * 10_000)
    shop.values = Odd(shop.directory, says={"scope": "full", "parents": ()})
    with pytest.raises(RecoveryError, match="shrank"):
        shop.back_up()


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system of the state directory is full."""

    def refuse(*_given: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(journal, "append_line", refuse)


@pytest.mark.usefixtures("full")
def test_a_backup_that_exists_has_not_failed_because_its_host_cannot_remember_it(shop: Shop) -> None:
    made = shop.back_up()
    assert made.changed
    assert "The backup itself is complete; free space" in made.warnings[0]
    listed = listing.list_backups(listing.ListRequest(shop.sample.settings), shop.sample.world()).facts["backups"]
    assert [row["backup_id"] for row in listed] == [made.facts["backup"]["backup_id"]]


def test_a_restore_that_is_done_has_not_failed_because_its_host_cannot_remember_it(
    chained: Shop, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("full")
    done = chained.restore(confirm="prices@here", emergency_backup="off")
    assert done.changed
    assert any("The restore is complete, but cannot be recorded in" in warning for warning in done.warnings)
    assert chained.read() == {"tea": "5", "coffee": "4"}
