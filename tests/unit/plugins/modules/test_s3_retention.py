# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task of s3_retention says is what the engine is asked for."""

from __future__ import annotations

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lifeboat.recovery.plugins.module_utils import _argspec
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3.guards import (
    BucketGuards,
    Lock,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3.lifecycle import Transition
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import policy
from ansible_collections.lifeboat.recovery.plugins.module_utils._module import Given
from ansible_collections.lifeboat.recovery.plugins.modules import s3_retention


def ask(**options):
    spec = s3_retention.SPEC.merge(_argspec.repository(), _argspec.retention(), _argspec.bucket())
    given = {"application": "shop", "store": {"url": "s3://bucket/pre"}, **options}
    checked = ArgumentSpecValidator(spec.options, required_by=spec.required_by).validate(given)
    assert checked.error_messages == []
    return s3_retention.request(Given(checked.validated_parameters, {}))


def test_nothing_is_asked_for_by_itself():
    request = ask()
    assert (request.application, request.store.url) == ("shop", "s3://bucket/pre")
    assert (request.prune, request.guards) == (None, None)
    assert (request.prove_immutability, request.bring_back) == (False, False)


def test_guards_are_what_is_declared():
    assert ask(bucket={}).guards == BucketGuards()
    declared = ask(
        bucket={
            "create": True,
            "object_lock": {"mode": "compliance", "days": "35"},
            "transitions": [{"storage_class": "GLACIER_IR", "days": 30}],
            "noncurrent_days": 0,
            "allow_weaker": "yes",
        }
    ).guards
    assert declared == BucketGuards(
        create=True,
        object_lock=Lock("compliance", 35),
        transitions=(Transition("GLACIER_IR", 30),),
        noncurrent_days=0,
        allow_weaker=True,
    )
    assert ask(bucket={"transitions": []}).guards.transitions == ()


def test_a_policy_becomes_a_pruning_of_the_same_store():
    prune = ask(
        policy={"daily": 7}, cluster="db1", database="shop", force=True, garbage_age="2d", lock_timeout="0"
    ).prune
    assert (prune.policy, prune.cluster, prune.database, prune.force) == (
        policy.parse({"daily": 7}),
        "db1",
        "shop",
        True,
    )
    assert (prune.garbage_age, prune.lock_timeout, prune.replica) == (172800, 0, False)
    assert prune.repository.store.url == "s3://bucket/pre"
    with pytest.raises(UsageError, match="policy"):
        ask(policy={})
