# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of half-made and kept databases fit into PostgreSQL's 63 bytes and tell whose they are."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    restorer,
    staging_database,
)

LONG = "ü" * 31


@pytest.mark.parametrize("name", ["shop", LONG, "x" * 63, "a" * 39 + "é" * 10])
def test_names_fit_and_stay_text(name):
    temporary = staging_database.temporary_name(name, "0123abcd")
    kept = staging_database.kept_name(name, "20261121_020000")
    assert len(temporary.encode()) <= 63
    assert len(kept.encode()) <= 63
    assert temporary.endswith("_lifeboat_0123abcd")
    assert kept.endswith("_before_20261121_020000")
    assert name.startswith(temporary.removesuffix("_lifeboat_0123abcd"))


def test_a_database_name_is_never_an_option_or_a_connection_string():
    assert restorer.target("host=evil dbname=y") == "--dbname=dbname='host=evil dbname=y'"
    assert restorer.target("it's\\") == "--dbname=dbname='it\\'s\\\\'"
