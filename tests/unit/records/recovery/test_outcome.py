# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came of a recovery can be read without a key, and is believed only from those who may sign it."""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import seals, strict_json
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import RecoveryKey
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import (
    forms,
    objectives,
    outcome,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import Expected
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.state import fold
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from recovery_fixtures import STEPS, controller
from recovery_story import eventful

if t.TYPE_CHECKING:
    from sample_host import SampleHost

WANTED = objectives.parse({"main/shop": {"rto": "1h", "rpo": "1s"}, "redis": {"rto": "1h"}})


def told() -> outcome.Outcome:
    state = fold(eventful())
    return outcome.of(state, objectives.parse({"database": {"rto": "30m"}}), [state])


def test_it_says_how_long_it_took_and_the_next_one_will_take() -> None:
    made = told()
    assert (made.result, made.seconds, made.plan, made.mode) == ("ok", 47 * 60, "data_loss", "recover")
    assert made.expected == Expected(690, None, 0)
    assert made.forecast == {"database": Expected(900, None, 1), "application": Expected(930, None, 1)}
    assert made.objectives == (outcome.Verdict("database", "rto", 1800, 1500, "met"),)
    found: t.Any = {"drill": None, "recover": made}
    assert outcome.expected(found, "main/shop") == outcome.expected(found, "database") == Expected(900, None, 1)
    assert outcome.expected(found, "redis") is None


def test_a_recovery_leaves_it_when_it_is_closed(sample: SampleHost) -> None:
    sample.back_up()
    here = controller(sample)
    opened = catalogue.open_repository(sample.settings, sample.world())
    assert outcome.both(opened.trusted_keys, opened.store, "shop") == {"recover": None, "drill": None}
    here.open()
    here.done(*STEPS)
    here.close()
    found = outcome.newest(opened.trusted_keys, opened.store, "shop", "recover")
    assert found
    assert (found.recovery_id, found.result, found.forecast) == (
        here.recovery_id, "ok", {"main/shop": Expected(0, None, 1)},
    )  # fmt: skip
    assert outcome.newest(opened.trusted_keys, opened.store, "shop", "drill") is None


def test_what_a_stranger_put_there_is_passed_over(sample: SampleHost) -> None:
    opened = catalogue.open_repository(sample.settings, sample.world())
    good = dataclasses.replace(told(), recovery_id="recovery-20261130T010500Z-0123456789abcdef", ended=sample.now)
    outcome.store(opened.trusted_keys, opened.store, good)
    outcome.store(opened.trusted_keys, opened.store, dataclasses.replace(good, result="failed"))  # the first one stays
    later = dataclasses.replace(good, recovery_id="recovery-20261201T010500Z-0123456789abcdef")
    payload = strict_json.dumps({"format": outcome.FORMAT, **forms.record(later)})
    stranger = RecoveryKey.from_hex(secrets.token_hex(32)).root
    name = repository.outcome("shop", "recover", later.recovery_id)
    opened.store.put_new(name, seals.seal_record("recovery", payload, [stranger]))
    moved = repository.outcome("shop", "recover", "recovery-20261202T010500Z-0123456789abcdef")
    opened.store.put_new(moved, b"".join(opened.store.get(repository.outcome("shop", "recover", good.recovery_id))))
    opened.store.put_new(repository.outcome("shop", "recover", "recovery-20261203T010500Z-0123456789abcdef"), b"{}")
    assert outcome.newest(opened.trusted_keys, opened.store, "shop", "recover") == good


@pytest.mark.parametrize("name", ["recoveries/x.json", "drills/recovery-20261130T010500Z-0123456789abcdef.json"])
def test_other_names_are_none_of_it(name: str) -> None:
    assert repository.parse_outcome("shop", "recover", f"shop/outcomes/{name}") is None
