# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of an archive: numbers, kinds and names, as pg_restore prints them."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import toc
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered

LISTING = b""";
; Archive created at 2026-11-21 02:00:00 UTC
;     dbname: shop
;
; Selected TOC Entries:
;
215; 1259 16386 TABLE public items golden owner
;\tdepends on: 6
3301; 0 0 TABLE DATA public items golden owner
;\tdepends on: 215
3170; 2606 16400 CONSTRAINT public items items_pkey golden owner
;\tdepends on: 215 215
3172; 2606 16409 FK CONSTRAINT public items items_order_fkey golden owner
;\tdepends on: 215 3170 220
3999; 0 0 SEQUENCE SET public items_id_seq golden owner
2; 3079 16385 EXTENSION - citext\x20
"""


def test_entries_have_numbers_kinds_and_what_they_need():
    entries = toc.parse(LISTING)
    assert [(e.number, e.catalogue, e.oid, e.kind) for e in entries] == [
        (215, 1259, 16386, "TABLE"),
        (3301, 0, 0, "TABLE DATA"),
        (3170, 2606, 16400, "CONSTRAINT"),
        (3172, 2606, 16409, "FK CONSTRAINT"),
        (3999, 0, 0, "SEQUENCE SET"),
        (2, 3079, 16385, "EXTENSION"),
    ]
    assert entries[3].needs == (215, 3170, 220)
    assert entries[4].needs == ()


def test_a_name_for_people_leaves_out_the_longest_owner_that_fits():
    constraint = toc.parse(LISTING)[2]
    assert constraint.name(["owner", "golden owner"]) == "CONSTRAINT public items items_pkey"
    assert constraint.name(["somebody"]) == "CONSTRAINT public items items_pkey golden owner"


def test_what_is_no_list_is_refused():
    with pytest.raises(Tampered):
        toc.parse(b"pg_restore: something else\n")


def test_failures_are_found_by_number_and_once():
    said = "pg_restore: from TOC entry 12; 1259 1 INDEX a b\nERROR\npg_restore: from TOC entry 12; x\nfrom TOC entry 7;"
    assert toc.failed(said) == [12, 7]


def test_a_use_list_is_one_number_a_line():
    assert toc.listing([3, 1]) == b"3;\n1;\n"
