# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kept results differ where a user would notice it, and nowhere else."""

from __future__ import annotations

import typing as t

import golden
import placeholders
import pytest

ONE, OTHER = "backup-20261120T100000Z-0123456789abcdef", "backup-20261121T100000Z-fedcba9876543210"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"size": 7, "rows": 7, "seconds": 1.5}, {"size": "<int>", "rows": 7, "seconds": "<float>"}),
        ({"phase_seconds": {"dump": 12}, "changed": True}, {"phase_seconds": {"dump": "<int>"}, "changed": True}),
        ({"seconds": None, "envelope": ""}, {"seconds": None, "envelope": ""}),
        ([OTHER, ONE, f"{OTHER} of main/shop"], ["<backup-1>", "<backup-2>", "<backup-1> of main/shop"]),
        ("31.6 KiB as 9 B in 3 min 12 s (1.5 MiB/s)", "<size> as <size> in <duration> (<size>/s)"),
        ("2026-11-20T10:00:18.178936+00:00", "0000-00-00T00:00:00.000000+00:00"),
        ("shop   backed up   17.6 s   17.6", "shop  backed up  <duration>  <version>"),
        ('lifeboat_store_bytes{application="shop"} 4711', 'lifeboat_store_bytes{application="shop"} <number>'),
        ('lifeboat_backups{database="shop"} 2', 'lifeboat_backups{database="shop"} 2'),
        ("received up to 0/3000148 of 2026/11", "received up to <lsn> of 2026/11"),
        (f"start.py 4711 {'4f' * 32}", "start.py <size> <hex64-1>"),
        ("one\ntwo\n", ["one", "two", ""]),
    ],
)
def test_what_is_of_one_run_alone_becomes_a_placeholder(given: t.Any, kept: t.Any) -> None:
    assert placeholders.put(given, {"17.6": "<version>"}) == kept


def test_a_difference_is_shown_with_the_way_to_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "REWRITE", False)
    with pytest.raises(pytest.fail.Exception) as caught:
        golden.check("recovery_key", {"made": {"changed": False}}, {})
    said = str(caught.value)
    assert '-  "changed": true,' in said
    assert '+  "changed": false' in said
    assert "LIFEBOAT_TEST_REWRITE=1 pytest" in said
