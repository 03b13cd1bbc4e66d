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

    def __init__(self, ground):
        self.ground = ground
        self.serial = 0
        self.entries = []

    def add(self, *scope, **changes):
        """List another host with these scopes; give its signer and its settings."""
        signer = Signer.generate()
        begin = self.ground.now.replace(microsecond=0) - 100 * DAY
        self.entries.append(trust.SignerEntry(signer.public, scope, begin, **changes))
        self.publish()
        path = str(self.ground.home / f"signer-{len(self.entries)}.json")
        keyfile.write(path, [keyfile.record("signer", signer.secret, created=self.ground.now)])
        keys = KeySettings(signer_file=path, roots=(self.ground.key.root.public.hex(),))
        return signer, dataclasses.replace(self.ground.settings, keys=keys)

    def change(self, number, **changes):
        self.entries[number] = dataclasses.replace(self.entries[number], **changes)
        self.publish()

    def publish(self):
        self.serial += 1
        key = self.ground.key
        made = trust.TrustFile(
            "shop", self.serial, self.ground.now, (key.opening.recipient,), (self.root_entry(), *self.entries)
        )
        self.ground.store.put_new(trusted_keys.trust_name("shop", self.serial), trust.sign(made, [key.root]))

    def root_entry(self):
        # The test's backups are signed by the root.
        return trust.SignerEntry(self.ground.key.root.public, ("main/*",), self.ground.now - 1000 * DAY)


@pytest.fixture
def hosts(ground):
    return Hosts(ground)


def pin(settings, ground, identity, **changes):
    return marking.mark(marking.MarkRequest(settings, "main", "shop", identity, **changes), ground.world())


@pytest.mark.parametrize("kind", ["pinned", "hold"])
def test_check_mode_tells_what_the_run_then_does(ground, kind):
    old = ground.make(40)
    for state in ("present", "absent"):
        request = marking.MarkRequest(ground.settings, "main", "shop", old, kind=kind, state=state)
        before = ground.objects()
        planned = marking.mark(request, ground.world(dry_run=True))
        assert ground.objects() == before
        done = marking.mark(request, ground.world())
        assert (planned.changed, planned.before, planned.after) == (True, done.before, done.after)
        assert ground.objects() != before
        assert not marking.mark(request, ground.world(dry_run=True)).changed


def test_an_id_that_no_backup_has_is_told_with_what_to_do(ground):
    ground.make(40)
    unknown = "backup-20200101T000000Z-0000000000000000"
    with pytest.raises(NotFound, match=f"holds no backup of main/shop.*{unknown}") as caught:
        pin(ground.settings, ground, unknown)
    assert "lifeboat.recovery.list" in caught.value.remedy


def test_a_host_signs_only_the_marks_that_it_may(ground, hosts):
    old = ground.make(40)
    _signer, settings = hosts.add("main/*", "mark/pinned")
    assert pin(settings, ground, old).changed
    with pytest.raises(KeyRefused, match="mark/hold"):
        pin(settings, ground, old, kind="hold")
    request = dataclasses.replace(ground.request({"keep_last": 1}), repository=settings)
    with pytest.raises(KeyRefused, match="mark/expired"):
        prune.prune(request, ground.world())


def test_a_database_host_cannot_vouch_for_its_own_backups(ground, hosts):
    identity = ground.make(1)
    signer, settings = hosts.add("main/*", "mark/expired", "mark/pinned", "mark/hold")
    opened = ground_opened(ground, settings)
    assert marking.vouch(opened.read("main/shop", identity), "restored", ground.world()) == (False, "")
    assert ground.objects("marks") == []
    forged = made(ground, identity, "restore_tested")
    ground.store.put_new(forged.name, seals.seal_record("mark", forged.payload(), [signer]))
    said = opened.marks(identity)[identity]
    assert said.of("restore_tested") == ()
    assert said.doubtful == (forged.name,)


def test_a_validator_vouches_for_all(ground, hosts):
    identity = ground.make(1)
    _signer, settings = hosts.add("mark/restore_tested")
    opened = ground_opened(ground, settings)
    backup = opened.read("main/shop", identity)
    assert marking.vouch(backup, "restored", ground.world()) == (True, "")
    assert opened.marks(identity)[identity].restore_test(backup.manifest_sha256).passed


def test_a_host_that_may_not_vouch_takes_nothing_back_and_says_so(ground, hosts):
    identity = ground.make(1)
    _signer, validator = hosts.add("mark/restore_tested")
    backup = ground_opened(ground, validator).read("main/shop", identity)
    marking.vouch(backup, "restored", ground.world())
    _signer, host = hosts.add("main/*")
    read = ground_opened(ground, host).read("main/shop", identity)
    marked, said = marking.vouch(read, "failed", ground.world(), passed=False)
    assert not marked
    assert "may still say that it is restore-tested" in said
    assert marking.vouch(backup, "failed", ground.world(), passed=False) == (True, "")
    assert not ground_opened(ground, validator).marks(identity)[identity].restore_test(backup.manifest_sha256).passed
    assert marking.vouch(backup, "failed", ground.world(), passed=False) == (True, "")


def test_what_a_signer_said_in_its_time_still_counts(ground, hosts):
    old = ground.make(40)
    _signer, settings = hosts.add("mark/pinned")
    pin(settings, ground, old)
    hosts.change(0, until=ground.now.replace(microsecond=0) + DAY)
    assert ground_opened(ground, settings).marks(old)[old].of("pinned")
    hosts.change(0, until=ground.now.replace(microsecond=0) - DAY)
    said = ground_opened(ground, settings).marks(old)[old]
    assert not said.of("pinned")
    assert said.pinned  # what protects is believed too easily


def test_a_mark_of_one_kind_lifts_none_of_another(ground, hosts):
    old = ground.make(40)
    signer, settings = hosts.add("mark/pinned", "mark/hold")
    pin(settings, ground, old, kind="hold")
    opened = ground_opened(ground, settings)
    token = opened.marks(old)[old].of("hold")[0].token
    lift = made(ground, old, "pinned", lifts=token)
    ground.store.put_new(lift.name, seals.seal_record("mark", lift.payload(), [signer]))
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
def test_a_mark_counts_only_in_its_place(ground, field, value):
    old = ground.make(40)
    mark = made(ground, old, "pinned")
    moved = dataclasses.replace(mark, **{field: value})
    ground.store.put_new(mark.name, seals.seal_record("mark", moved.payload(), [ground.key.root]))
    assert ground.opened().marks(old)[old].of("pinned") == ()


def test_a_manifest_is_no_mark(ground):
    """The kind of a record is signed too."""
    old = ground.make(40)
    mark = made(ground, old, "pinned")
    ground.store.put_new(mark.name, seals.seal_record("trust", mark.payload(), [ground.key.root]))
    assert ground.opened().marks(old)[old].of("pinned") == ()


def test_names_that_are_none_of_ours_are_passed_over(ground):
    old = ground.make(40)
    strange = [
        f"shop/marks/{old}/kept-{TOKEN}.json",
        f"shop/marks/{old}/pinned-0.json",
        f"shop/marks/x/pinned-{TOKEN}.json",
    ]
    for name in strange:
        ground.store.put_new(name, b"{}")
        assert repository.parse_mark("shop", name) is None
    assert ground.opened().marks() == {}


def test_a_name_says_what_it_is(ground):
    old = ground.make(40)
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


def made(ground, identity, kind, **changes):
    at = ground.now.replace(microsecond=0)
    return marks.Mark("shop", "main/shop", identity, "0" * 64, kind, TOKEN, at, **changes)


def ground_opened(ground, settings):
    return prune.catalogue.open_repository(settings, ground.world())
