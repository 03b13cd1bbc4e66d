# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a source is refused before anything is touched."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    Login,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.source import (
    DatabaseSource,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError


def test_a_pattern_that_is_no_regular_expression_is_refused_at_once() -> None:
    # Else the first member is dumped and stored, for hours, before anybody reads the pattern.
    with pytest.raises(UsageError, match=r"'\(' is not a regular expression") as caught:
        DatabaseSource(Login(), "main", "shop", accept_warnings=("fine", "(")).check()
    assert caught.value.details["field"] == "accept_warnings"
