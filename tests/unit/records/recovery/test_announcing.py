# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A status page tells users what they want to know, and nothing of the inside."""

from __future__ import annotations

import dataclasses

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import announcing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import (
    Begin,
    Close,
    Expected,
    Leave,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.state import fold
from recovery_story import ended, eventful, events, opened

SINCE = "shop has been disturbed since 2026-11-30 01:00 UTC and is being recovered."
KNOWN = {name: Expected(600, 60, 3) for name in ("restore", "check", "dns", "tidy")}


def told(*whats: object) -> str:
    return announcing.status_page(fold(events(*enumerate(whats, 5))))


def test_a_recovery_says_when_the_application_is_expected_back() -> None:
    begun = dataclasses.replace(opened(), forecast=KNOWN)
    assert told(begun) == f"{SINCE} It is expected back at about 2026-11-30 01:45 UTC."
    assert told(begun, Begin("restore", 1), ended("restore")) == (
        f"{SINCE} It is expected back at about 2026-11-30 01:37 UTC."
    )


def test_a_guess_is_no_promise() -> None:
    assert told(dataclasses.replace(opened(), forecast={**KNOWN, "dns": Expected(60, None, 0)})) == SINCE
    assert told(dataclasses.replace(opened(), forecast={})) == SINCE


def test_while_nobody_works_nothing_is_promised() -> None:
    begun = dataclasses.replace(opened(), forecast=KNOWN)
    assert told(begun, Leave("waiting")) == told(begun, Leave("failed")) == told(begun, Close("failed")) == SINCE


def test_in_the_end_it_says_what_may_be_missing() -> None:
    assert announcing.status_page(fold(eventful())) == (
        "shop works again since 2026-11-30 01:52 UTC. Changes since 2026-11-30 00:00 UTC may be missing."
    )
    assert told(opened(points={}), Close("ok")) == "shop works again since 2026-11-30 01:06 UTC."


def test_users_do_not_notice_a_drill() -> None:
    assert told(dataclasses.replace(opened(), mode="drill")) == ""
