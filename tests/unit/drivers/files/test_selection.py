# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patterns leave out what they say, and no more."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.selection import Selection
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError


@pytest.mark.parametrize(
    ("pattern", "name", "left_out"),
    [
        ("*.tmp", b"a.tmp", True),
        ("*.tmp", b"deep/down/a.tmp", True),
        ("*.tmp", b"a.tmp.gz", False),
        ("cache", b"x/cache", True),
        ("cache/", b"x/cache", True),
        ("/cache", b"cache", True),
        ("x/cache", b"x/cache", True),
        ("x/cache", b"y/x/cache", False),
        ("x/*", b"x/a", True),
        ("x/*", b"x/a/b", False),
        ("x/**", b"x/a/b", True),
        ("**/log", b"log", True),
        ("**/log", b"a/b/log", True),
        ("a?c", b"abc", True),
        ("a?c", b"a/c", False),
        ("[ab].txt", b"a.txt", True),
        ("[!ab].txt", b"c.txt", True),
        ("[!ab].txt", b"a.txt", False),
        ("[a-c]", b"b", True),
        ("[^a]*", b"b", False),
        ("[^a]*", b"ab", True),
        ("[^a]*", b"^b", True),
        ("[!^]", b"^", False),
        ("a[", b"a[", True),
        ("a.b", b"axb", False),
        ("line*", b"line\nbreak", True),
        ("\udcff*", b"\xff1", True),
    ],
)
def test_patterns(pattern: str, name: bytes, left_out: bool) -> None:
    assert Selection([pattern]).leaves_out(name, name.rpartition(b"/")[2]) is left_out


def test_a_leading_slash_binds_to_the_top() -> None:
    assert not Selection(["/cache"]).leaves_out(b"x/cache", b"cache")


@pytest.mark.parametrize("pattern", ["", "/", "[z-a]", "a\0b"])
def test_patterns_that_fit_nothing_are_refused(pattern: str) -> None:
    with pytest.raises(UsageError) as caught:
        Selection([pattern])
    assert caught.value.details["field"] == "exclude"
