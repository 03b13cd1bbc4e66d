# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may say what about a backup: marks under a trust file, by scope, by time, and by name."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keyfile, seals, trust
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import Signer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import KeyRefused, NotFound
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.mark import marking
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import marks, trusted_keys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)

DAY = datetime.timedelta(days=1)
TOKEN = "0123456789abcdef"


class Hosts:
    """A store with a trust file, and the hosts that it lists."""

    def __init__(self, sample_store):
        self.sample_store = sample_store
        self.serial = 0
        self.entries = []

    def add(self, *scope, **changes):
        """List another host with these scopes; give its signer and its settings."""
        signer = Signer.generate()
        begin = self.sample_store.now.replace(microsecond=0) - 100 * DAY
        self.entries.append(trust.SignerEntry(signer.public, scope, begin, **changes))
        self.publish()
        path = str(self.sample_store.home / f"signer-{len(self.entries)}.json")
        keyfile.write(path, [keyfile.record("signer", signer.secret, created=self.sample_store.now)])
        keys = KeySettings(signer_file=path, roots=(self.sample_store.key.root.public.hex(),))
        return signer, dataclasses.replace(self.sample_store.settings, keys=keys)

    def change(self, number, **changes):
        self.entries[number] = dataclasses.replace(self.entries[number], **changes)
        self.publish()

    def publish(self):
        self.serial += 1
        key = self.sample_store.key
        made = trust.TrustFile(
            "shop", self.serial, self.sample_store.now, (key.opening.recipient,), (self.root_entry(), *self.entries)
        )
        self.sample_store.store.put_new(trusted_keys.trust_name("shop", self.serial), trust.sign(made, [key.root]))

    def root_entry(self):
        # The test's backups are signed by the root.
        return trust.SignerEntry(self.sample_store.key.root.public, ("main/*",), self.sample_store.now - 1000 * DAY)


@pytest.fixture
def hosts(sample_store):
    return Hosts(sample_store)


def pin(settings, sample_store, identity, **changes):
    return marking.mark(marking.MarkRequest(settings, "main", "shop", identity, **changes), sample_store.world())


@pytest.mark.parametrize("kind", ["pinned", "hold"])
def test_check_mode_tells_what_the_run_then_does(sample_store, kind):
    old = sample_store.make(40)
    for state in ("present", "absent"):
        request = marking.MarkRequest(sample_store.settings, "main", "shop", old, kind=kind, state=state)
        before = sample_store.objects()
        planned = marking.mark(request, sample_store.world(dry_run=True))
        assert sample_store.objects() == before
        done = marking.mark(request, sample_store.world())
        assert (planned.changed, planned.before, planned.after) == (True, done.before, done.after)
        assert sample_store.objects() != before
        assert not marking.mark(request, sample_store.world(dry_run=True)).changed


def test_an_id_that_no_backup_has_is_told_with_what_to_do(sample_store):
    sample_store.make(40)
    unknown = "backup-20200101T000000Z-0000000000000000"
    with pytest.raises(NotFound, match=f"contains no backup '{unknown}' of main/shop") as caught:
        pin(sample_store.settings, sample_store, unknown)
    assert "lifeboat.recovery.list" in caught.value.remedy


def test_a_host_signs_only_the_marks_that_it_may(sample_store, hosts):
    old = sample_store.make(40)
    _signer, settings = hosts.add("main/*", "mark/pinned")
    assert pin(settings, sample_store, old).changed
    with pytest.raises(KeyRefused, match="mark/hold"):
        pin(settings, sample_store, old, kind="hold")
    request = dataclasses.replace(sample_store.request({"keep_last": 1}), repository=settings)
    with pytest.raises(KeyRefused, match="mark/expired"):
        prune.prune(request, sample_store.world())


def test_whoever_recovers_pins_by_the_root_which_is_not_listed(sample_store, hosts):
    old = sample_store.make(40)
    _signer, host = hosts.add("main/*")
    assert pin(sample_store.settings, sample_store, old).changed
    (mark,) = opened_store(sample_store, host).marks(old)[old].of("pinned")
    assert mark.backup_id == old


def test_a_database_host_cannot_vouch_for_its_own_backups(sample_store, hosts):
    identity = sample_store.make(1)
    signer, settings = hosts.add("main/*", "mark/expired", "mark/pinned", "mark/hold")
    opened = opened_store(sample_store, settings)
    assert marking.record_restore_test(opened.read("main/shop", identity), "restored", sample_store.world()) == (
        False,
        "",
    )
    assert sample_store.objects("marks") == []
    forged = made(sample_store, identity, "restore_tested")
    sample_store.store.put_new(forged.name, seals.seal_record("mark", forged.payload(), [signer]))
    said = opened.marks(identity)[identity]
    assert said.of("restore_tested") == ()
    assert said.doubtful == (forged.name,)


def test_a_validator_vouches_for_all(sample_store, hosts):
    identity = sample_store.make(1)
    _signer, settings = hosts.add("mark/restore_tested")
    opened = opened_store(sample_store, settings)
    backup = opened.read("main/shop", identity)
    assert marking.record_restore_test(backup, "restored", sample_store.world()) == (True, "")
    assert opened.marks(identity)[identity].restore_test(backup.manifest_sha256).passed


def test_a_host_that_may_not_vouch_takes_nothing_back_and_says_so(sample_store, hosts):
    identity = sample_store.make(1)
    _signer, validator = hosts.add("mark/restore_tested")
    backup = opened_store(sample_store, validator).read("main/shop", identity)
    marking.record_restore_test(backup, "restored", sample_store.world())
    _signer, host = hosts.add("main/*")
    read = opened_store(sample_store, host).read("main/shop", identity)
    marked, said = marking.record_restore_test(read, "failed", sample_store.world(), passed=False)
    assert not marked
    assert "may still say that it is restore-tested" in said
    assert marking.record_restore_test(backup, "failed", sample_store.world(), passed=False) == (True, "")
    assert (
        not opened_store(sample_store, validator).marks(identity)[identity].restore_test(backup.manifest_sha256).passed
    )
    assert marking.record_restore_test(backup, "failed", sample_store.world(), passed=False) == (True, "")


def test_what_a_signer_said_in_its_time_still_counts(sample_store, hosts):
    old = sample_store.make(40)
    _signer, settings = hosts.add("mark/pinned")
    pin(settings, sample_store, old)
    hosts.change(0, until=sample_store.now.replace(microsecond=0) + DAY)
    assert opened_store(sample_store, settings).marks(old)[old].of("pinned")
    hosts.change(0, until=sample_store.now.replace(microsecond=0) - DAY)
    said = opened_store(sample_store, settings).marks(old)[old]
    assert not said.of("pinned")
    assert said.pinned  # what protects is believed too easily


def test_a_mark_of_one_kind_lifts_none_of_another(sample_store, hosts):
    old = sample_store.make(40)
    signer, settings = hosts.add("mark/pinned", "mark/hold")
    pin(settings, sample_store, old, kind="hold")
    opened = opened_store(sample_store, settings)
    token = opened.marks(old)[old].of("hold")[0].token
    lift = made(sample_store, old, "pinned", lifts=token)
    sample_store.store.put_new(lift.name, seals.seal_record("mark", lift.payload(), [signer]))
    assert opened.marks(old)[old].held


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("backup_id", "backup-20200101T000000Z-0123456789abcdef"),
        ("application", "blog"),
        ("kind", "hold"),
        ("token", "f" * 16),
    ],
)
def test_a_mark_counts_only_in_its_place(sample_store, field, value):
    old = sample_store.make(40)
    mark = made(sample_store, old, "pinned")
    moved = dataclasses.replace(mark, **{field: value})
    sample_store.store.put_new(mark.name, seals.seal_record("mark", moved.payload(), [sample_store.key.root]))
    assert sample_store.opened().marks(old)[old].of("pinned") == ()


def test_a_manifest_is_no_mark(sample_store):
    """The kind of a record is signed too."""
    old = sample_store.make(40)
    mark = made(sample_store, old, "pinned")
    sample_store.store.put_new(mark.name, seals.seal_record("trust", mark.payload(), [sample_store.key.root]))
    assert sample_store.opened().marks(old)[old].of("pinned") == ()


def test_names_that_are_none_of_ours_are_passed_over(sample_store):
    old = sample_store.make(40)
    strange = [
        f"shop/marks/{old}/kept-{TOKEN}.json",
        f"shop/marks/{old}/pinned-0.json",
        f"shop/marks/x/pinned-{TOKEN}.json",
    ]
    for name in strange:
        sample_store.store.put_new(name, b"{}")
        assert repository.parse_mark("shop", name) is None
    assert sample_store.opened().marks() == {}


def test_a_name_says_what_it_is(sample_store):
    old = sample_store.make(40)
    name = repository.mark("shop", old, "hold", TOKEN)
    assert repository.parse_mark("shop", name) == (old, "hold", TOKEN)


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        (f"shop/data/backup-20200101T000000Z-{TOKEN}/0001.lbx", f"backup-20200101T000000Z-{TOKEN}"),
        (f"shop/keys/backup-20200101T000000Z-{TOKEN}/wraps-{TOKEN}.json", f"backup-20200101T000000Z-{TOKEN}"),
        (f"shop/keys/{TOKEN}.json", None),
        ("shop/trust/00000001.json", None),
        (f"shop/wal/7300123/{TOKEN}", None),
    ],
)
def test_only_what_belongs_to_a_backup_can_be_a_leftover(name, owner):
    assert repository.owner("shop", name) == owner


def made(sample_store, identity, kind, **changes):
    at = sample_store.now.replace(microsecond=0)
    return marks.Mark("shop", "main/shop", identity, "0" * 64, kind, TOKEN, at, **changes)


def opened_store(sample_store, settings):
    return prune.catalogue.open_repository(settings, sample_store.world())
