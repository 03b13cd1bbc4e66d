# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trust is read and published where the store is, and signed where the recovery key is; nobody else can do either."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import (
    OpeningKey,
    RecoveryKey,
    Signer,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.local_keys import KeySettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import (
    StoreSettings,
    open_store,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AlreadyExists,
    KeyRefused,
    Tampered,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.keys import trust_issuing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.keys.trust_issuing import (
    NewSigner,
    PublishedTrust,
    SignRequest,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import trusted_keys

NOW = datetime.datetime(2026, 11, 20, 10, 0, 0, 5, tzinfo=datetime.UTC)


class Shop:
    """An application with a store and a recovery key."""

    def __init__(self, path):
        self.key = RecoveryKey.generate()
        self.root = self.key.root.public.hex()
        path.mkdir()
        self.store = StoreSettings(url=f"file://{path}")
        self.now = NOW

    def world(self, *, dry_run=False):
        return World(now=lambda: self.now, sleep=lambda _seconds: None, environ={}, dry_run=dry_run)

    def read(self):
        return trust_issuing.read_trust(PublishedTrust("shop", self.store, (self.root,)), self.world()).facts

    def sign(self, *signers, key=None, **changes):
        keys = KeySettings(recovery_key_hex=(key or self.key).hex)
        changes = {"envelope": self.read()["envelope"]} | changes
        listed = tuple(NewSigner(signer.public.hex(), ("main/*",)) for signer in signers)
        return trust_issuing.sign_trust(SignRequest("shop", keys, signers=listed, **changes), self.world())

    def publish(self, envelope, *, root=None, dry_run=False):
        request = PublishedTrust("shop", self.store, (root or self.root,), envelope)
        return trust_issuing.publish_trust(request, self.world(dry_run=dry_run))

    def trusted_keys(self):
        opened = open_store(self.store, environ={})
        return trusted_keys.load(KeySettings(roots=(self.root,)), opened, "shop")


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path / "store")


def test_the_three_steps_make_a_host_trusted(shop):
    assert shop.read() == {"envelope": "", "taken": 0, "serial": 0, "recipients": [], "signers": []}
    signer = Signer.generate()
    signed = shop.sign(signer)
    assert signed.changed
    assert shop.publish(signed.facts["envelope"]).changed
    assert shop.read()["serial"] == 1
    assert shop.trusted_keys().trust.allows(signer.public, "main/shop", NOW)
    assert [recipient["public"] for recipient in shop.read()["recipients"]] == [shop.key.opening.recipient.public.hex()]


def test_doing_it_again_changes_nothing(shop):
    signer = Signer.generate()
    shop.publish(shop.sign(signer).facts["envelope"])
    shop.now += datetime.timedelta(days=1)
    again = shop.sign(signer)
    assert (again.changed, again.facts["envelope"]) == (False, shop.read()["envelope"])
    assert not shop.publish(again.facts["envelope"]).changed


def test_another_host_is_added_and_the_first_one_stays(shop):
    first, second, validator = Signer.generate(), Signer.generate(), OpeningKey.generate()
    shop.publish(shop.sign(first).facts["envelope"])
    added = shop.sign(second, recipients=(validator.recipient.public.hex(),))
    assert added.before
    assert added.after.count("\n") == added.before.count("\n") + 2
    shop.publish(added.facts["envelope"])
    assert {entry.public for entry in shop.trusted_keys().trust.signers} == {first.public, second.public}
    assert validator.recipient in shop.trusted_keys().trust.recipients


def test_a_retired_signer_ends_and_its_past_stays(shop):
    signer = Signer.generate()
    shop.publish(shop.sign(signer).facts["envelope"])
    shop.now += datetime.timedelta(days=1)
    shop.publish(shop.sign(retired=(signer.public.hex(),)).facts["envelope"])
    trusted = shop.trusted_keys().trust
    assert trusted.allows(signer.public, "main/shop", NOW)
    assert not trusted.allows(signer.public, "main/shop", shop.now + datetime.timedelta(seconds=1))


def test_hosts_that_share_a_store_agree(shop):
    signer = Signer.generate()
    one = shop.sign(signer, envelope="").facts["envelope"]
    shop.now += datetime.timedelta(seconds=3)
    other = shop.sign(signer, envelope="").facts["envelope"]
    assert one != other
    assert shop.publish(one).changed
    assert not shop.publish(other).changed


def test_what_was_published_in_the_meantime_is_not_replaced(shop):
    one = shop.sign(Signer.generate(), envelope="").facts["envelope"]
    other = shop.sign(Signer.generate(), envelope="").facts["envelope"]
    shop.publish(one)
    with pytest.raises(AlreadyExists, match="sign the next one"):
        shop.publish(other)
    assert shop.read()["envelope"] == one


def test_a_serial_that_somebody_littered_is_stepped_over(shop):
    shop.publish(shop.sign(Signer.generate()).facts["envelope"])
    open_store(shop.store, environ={}).put_new("shop/trust/00000002.json", b"{}")
    open_store(shop.store, environ={}).put_new("shop/trust/99999999.json", b"{}")
    read = shop.read()
    assert (read["serial"], read["taken"]) == (1, 2)
    signed = shop.sign(Signer.generate(), taken=read["taken"])
    shop.publish(signed.facts["envelope"])
    assert shop.read()["serial"] == 3


def test_a_dry_run_publishes_nothing(shop):
    assert shop.publish(shop.sign(Signer.generate()).facts["envelope"], dry_run=True).changed
    assert shop.read()["serial"] == 0


def test_only_the_root_decides(shop):
    stranger = RecoveryKey.generate()
    with pytest.raises(Tampered):
        shop.publish(shop.sign(Signer.generate(), key=stranger).facts["envelope"])
    shop.publish(shop.sign(Signer.generate()).facts["envelope"])
    with pytest.raises(Tampered):
        shop.sign(Signer.generate(), key=stranger)
    with pytest.raises(KeyRefused, match="recovery key"):
        trust_issuing.sign_trust(SignRequest("shop", KeySettings(roots=(shop.root,))), shop.world())


@pytest.mark.parametrize(
    ("field", "changes"),
    [("recipients", {"recipients": ("beef",)}), ("retired", {"retired": ("xx",)})],
)
def test_what_is_no_public_key_is_refused_by_name(shop, field, changes):
    with pytest.raises(UsageError) as caught:
        shop.sign(**changes)
    assert caught.value.details["field"] == field


def test_the_key_that_signs_cannot_end_itself(shop):
    with pytest.raises(UsageError, match="cannot retire itself"):
        shop.sign(retired=(shop.key.opening.recipient.public.hex(),))
