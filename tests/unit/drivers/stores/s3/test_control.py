# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a store says of itself is what the standards allow, or an error for people."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3.control import store_time
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError


def answer(date: str) -> dict[str, t.Any]:
    return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}


def test_a_store_tells_the_time() -> None:
    told = store_time(answer("Fri, 20 Nov 2026 10:00:00 GMT"))
    assert told == datetime.datetime(2026, 11, 20, 10, tzinfo=datetime.UTC)


@pytest.mark.parametrize("date", ["", "soon", "Fri, 20 Nov 2026 10:00:00 -0000"])
def test_a_time_that_is_none_is_named(date: str) -> None:
    with pytest.raises(StoreError, match="contain no time"):
        store_time(answer(date))
