# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A WAL file lies under one name, and what lies under another is none."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal_files
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import names

SYSTEM = "7312345678901234567"
DIGEST = "0123456789abcdef" + "0" * 48


@pytest.mark.parametrize(
    ("file", "token", "name"),
    [
        ("0000000A00000001000000FF", "", "0000000A/00000001/0000000A00000001000000FF.lbx"),
        ("0000000A.history", "", "0000000A/0000000A.history.lbx"),
        (
            "000000010000000000000004.00000028.backup",
            "",
            "00000001/00000000/000000010000000000000004.00000028.backup.lbx",
        ),
        (
            "000000010000000000000004.partial",
            names.token(DIGEST),
            "00000001/00000000/000000010000000000000004.partial.0123456789abcdef.lbx",
        ),
        (
            "000000010000000000000004",
            names.token(DIGEST),
            "00000001/00000000/000000010000000000000004.0123456789abcdef.lbx",
        ),
        ("00000002.history", names.token(DIGEST), "00000002/00000002.history.0123456789abcdef.lbx"),
    ],
)
def test_a_file_has_a_name_and_a_name_a_file(file: str, token: str, name: str) -> None:
    parsed = wal_files.parse(file)
    stored = names.name("shop", SYSTEM, parsed, token)
    assert stored == f"shop/wal/{SYSTEM}/{name}"
    assert stored.startswith(names.copies("shop", SYSTEM, parsed))
    assert names.parse("shop", stored) == (SYSTEM, parsed, token)


@pytest.mark.parametrize(
    "name",
    [
        f"other/wal/{SYSTEM}/00000001/00000001.history.lbx",
        f"shop/wal/{SYSTEM}/00000002/00000001.history.lbx",
        f"shop/wal/{SYSTEM}/00000001/00000001/000000010000000000000004.lbx",
        f"shop/wal/{SYSTEM}/00000001/00000000/000000020000000000000004.lbx",
        f"shop/wal/{SYSTEM}/00000001/00000000/000000010000000000000004.partial.lbx",
        f"shop/wal/{SYSTEM}/00000001/00000000/000000010000000000000004.0123456789ABCDEF.lbx",
        f"shop/wal/{SYSTEM}/00000001/00000000/000000010000000000000004",
        f"shop/wal/{SYSTEM}/stream/000000010000000000000004/00001000.lbx",
        "shop/wal/0/00000001/00000001.history.lbx",
        "shop/wal/x/00000001/00000001.history.lbx",
        f"shop/data/{SYSTEM}/00000001/00000001.history.lbx",
    ],
)
def test_other_names_say_nothing(name: str) -> None:
    assert names.parse("shop", name) is None
