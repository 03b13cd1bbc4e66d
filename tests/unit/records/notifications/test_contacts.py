# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom an urgent message tells to call, and in which order."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications import contacts

GIVEN = (
    {"role": "hosting", "name": "Example Hosting", "phone": "+49 30 3", "vendor": True},
    {"role": "head of operations", "name": "Bob", "phone": "+49 30 2", "level": 2, "within": "1h30m"},
    {"role": "database administrator", "name": "Alice", "phone": "+49 30 1", "within": "15m"},
    {"email": "night@example.com"},
    {"role": "CTO", "level": 4},
)


def test_each_level_has_a_line_and_vendors_none() -> None:
    assert contacts.escalation(contacts.parse(GIVEN)) == (
        "Call Alice (database administrator, +49 30 1), night@example.com",
        "If nobody answers within 15 min: Bob (head of operations, +49 30 2)",
        "If nobody answers within 1 h 30 min: CTO",
    )


def test_without_people_there_is_nobody_to_call() -> None:
    assert contacts.escalation(contacts.parse(GIVEN[:1])) == ()


def test_vendors_come_last() -> None:
    assert [one.name or one.role for one in contacts.parse(GIVEN)] == ["Alice", "", "Bob", "CTO", "Example Hosting"]


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"contacts\.within: 'soon' is not a duration"):
        contacts.parse([{"within": "soon"}])
