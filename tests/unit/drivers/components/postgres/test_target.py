# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said where the server's disk has no room for a restore."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import target
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError


@pytest.mark.parametrize("beside", [True, False])
def test_in_place_is_advised_only_where_it_makes_room(beside: bool) -> None:
    with pytest.raises(DatabaseError, match="has 1 MiB left") as caught:
        target.check_space(1 << 20, 1 << 30, beside=beside)
    assert ("in_place" in caught.value.remedy) is beside
