# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What pg_amcheck says, as differences."""

from __future__ import annotations

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import amcheck

SAID = """\
heap table "shop.public.orders", block 0, offset 1, attribute 2:
    xmin 5 precedes relation freeze threshold 0:700
heap table "shop.public.orders", block 3, offset 1:
    line pointer redirection to item at offset 9 exceeds maximum offset 2
btree index "shop.public.orders_pkey":
    ERROR:  heap tuple (0,1) from table "orders" lacks matching index tuple
    HINT:  Retrying verification using the function bt_index_parent_check() might provide a more specific error.
"""


def test_each_object_that_is_damaged_is_said_once() -> None:
    assert amcheck._read(SAID) == (
        'heap table "shop.public.orders": xmin 5 precedes relation freeze threshold 0:700',
        'btree index "shop.public.orders_pkey": ERROR: heap tuple (0,1) from table "orders" lacks matching index tuple',
    )


def test_what_was_left_is_told_by_its_last_report() -> None:
    told = "0/553 relations (0%)\n120/553 relations (21%), 5/9000 pages (0%)\n"
    assert amcheck._left(told, 60).startswith(
        "pg_amcheck was ended after 1 min: by its last report it had looked at 120 of 553 relations."
    )
    assert "had looked at no relation." in amcheck._left("", 60)
