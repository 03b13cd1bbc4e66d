# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Stored settings become the same settings again, whatever they hold."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    quote_identifier,
    quote_literal,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.settings import (
    assignment,
    split_list,
)


@pytest.mark.parametrize(
    ("stored", "given"),
    [
        ("work_mem=5MB", "\"work_mem\" TO '5MB'"),
        ("app.tenant=a=b'c", "\"app\".\"tenant\" TO 'a=b''c'"),
        ('search_path="$user", public, "odd, ""x"""', "\"search_path\" TO '$user', 'public', 'odd, \"x\"'"),
        ('search_path=""', "\"search_path\" TO ''"),
        ("search_path=", "\"search_path\" TO ''"),
        ("log_line_prefix=%m, %u", "\"log_line_prefix\" TO '%m, %u'"),
    ],
)
def test_assignment(stored: str, given: str) -> None:
    assert assignment(stored) == given


def test_list_of_names() -> None:
    assert split_list('a, "B c" ,"d,e"') == ["a", "B c", "d,e"]
    assert split_list("") == []


def test_quoting_leaves_no_way_out() -> None:
    assert quote_identifier('a"; DROP') == '"a""; DROP"'
    assert quote_literal("a'b") == "'a''b'"
    assert quote_literal("a\\'b").strip() == "E'a\\\\''b'"
