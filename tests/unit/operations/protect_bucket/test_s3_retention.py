# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a policy promises to every backup, which is what a lock has to last for."""

from __future__ import annotations

import math
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.protect_bucket import s3_retention
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import (
    policy as retention_policy,
)


@pytest.mark.parametrize(
    ("policy", "promised", "longest"),
    [
        ({"keep_within": "30d"}, 30, 30),
        ({"daily": 7}, 7, 7),
        ({"daily": 7, "weekly": 4, "monthly": 12}, 7, 12 * 31),
        ({"hourly": "48h", "daily": 30}, 2, 30),
        ({"keep_within": "1d", "daily": 30}, 30, 30),
        ({"keep_within": "10d", "daily": 3}, 10, 10),
        ({"keep_within": "30d", "monthly": "12mo", "yearly": "forever"}, 30, math.inf),
        ({"monthly": 12}, 12 * 31, 12 * 31),
        ({"daily": 7, "by_reason": {"pre_deployment": {"keep_within": "90d"}}}, 90, 90),
        ({"daily": 7, "by_component": {"main/audit*": {"daily": 60}}}, 60, 60),
        ({"daily": "forever"}, math.inf, math.inf),
        ({"max_count": 5}, 0, 0),
    ],
)
def test_a_promise(policy: dict[str, t.Any], promised: float, longest: float) -> None:
    parsed = retention_policy.parse(policy)
    assert s3_retention.promise(parsed) == promised
    assert s3_retention.longest(parsed) == longest
