# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key is made once, for its owner only; what is told about it is public."""

from __future__ import annotations

import datetime
import os

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keyfile
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import RecoveryKey, Signer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    KeyRefused,
    StoreError,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.keys import making


def world(*, dry_run=False):
    now = datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)
    return World(now=lambda: now, sleep=lambda _seconds: None, environ={}, dry_run=dry_run)


def make(path, type_="signer", **kwargs):
    return making.make_key(making.KeyRequest(type_, str(path)), world(**kwargs))


@pytest.mark.parametrize("type_", ["recovery", "opening", "signer", "digest"])
def test_a_key_is_made_once(tmp_path, type_):
    path = tmp_path / "key"
    made = make(path, type_)
    assert made.changed
    assert path.stat().st_mode & 0o777 == 0o600
    again = make(path, type_)
    assert not again.changed
    assert again.facts == made.facts
    assert keyfile.read_one(str(path), type_).secret.hex() not in repr(made)


def test_public_keys_are_those_of_the_secret(tmp_path):
    recovery = make(tmp_path / "r", "recovery").facts
    key = RecoveryKey(keyfile.read_one(str(tmp_path / "r"), "recovery").secret)
    assert (recovery["public"], recovery["root"]) == (key.opening.recipient.public.hex(), key.root.public.hex())
    signer = make(tmp_path / "s").facts
    assert signer["public"] == Signer(keyfile.read_one(str(tmp_path / "s"), "signer").secret).public.hex()


def test_a_key_that_people_wrote_is_read(tmp_path):
    key = RecoveryKey.generate()
    path = tmp_path / "key"
    path.write_text(key.hex + "\n")
    path.chmod(0o600)
    outcome = make(path, "recovery")
    assert (outcome.changed, outcome.facts["root"]) == (False, key.root.public.hex())


def test_a_dry_run_makes_nothing(tmp_path):
    outcome = make(tmp_path / "key", dry_run=True)
    assert outcome.changed
    assert os.listdir(tmp_path) == []


def test_another_kind_of_key_is_not_replaced(tmp_path):
    make(tmp_path / "key", "signer")
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(KeyRefused):
        make(tmp_path / "key", "recovery")
    assert (tmp_path / "key").read_bytes() == before


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(UsageError, match="type"):
        make(tmp_path / "key", "secret")
    with pytest.raises(StoreError, match="nowhere"):
        make(tmp_path / "nowhere" / "key")
