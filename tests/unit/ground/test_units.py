# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people write for times and sizes is read exactly or refused by name; what they read is short."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import units
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("12h", 43200), ("7d", 604800), ("2w", 1209600), ("1h30m", 5400), ("0.5h", 1800), ("0", 0)],
)
def test_times_are_read(text, seconds):
    assert units.parse_duration(text, "max_age") == seconds


@pytest.mark.parametrize("text", ["", "12", "h", "-1h", "12 hours", "1H", "1h 30m", "1e3s", "١s", "inf", "99999w"])
def test_other_times_are_refused_and_the_field_named(text):
    with pytest.raises(UsageError, match="max_age") as caught:
        units.parse_duration(text, "max_age")
    assert caught.value.details["field"] == "max_age"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("512B", 512),
        ("64MiB", 64 << 20),
        ("64 mib", 64 << 20),
        ("1GB", 10**9),
        ("1.5GiB", 3 << 29),
        ("10kB", 10_000),
    ],
)
def test_sizes_are_read(text, size):
    assert units.parse_size(text, "min_bytes") == size


@pytest.mark.parametrize(
    "text", ["", "64M", "64m", "-1", "1.5", "MiB", "1 2MiB", "1PiBB", "0x10", "nan", "9999999TiB", "9" * 400]
)
def test_other_sizes_are_refused_and_the_field_named(text):
    with pytest.raises(UsageError, match="min_bytes") as caught:
        units.parse_size(text, "min_bytes")
    assert caught.value.details["field"] == "min_bytes"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1288490189, "1.2 GiB"),
        (220200960, "210 MiB"),
        (1048575, "1.0 MiB"),
        (5 << 50, "5120 TiB"),
    ],
)
def test_sizes_read_well(count, text):
    assert units.human_size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.41, "0.4 s"),
        (9.96, "10 s"),
        (18.2, "18 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (90000, "1 d 1 h"),
        (-1, "0 s"),
    ],
)
def test_times_read_well(seconds, text):
    assert units.human_duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e17))
def test_every_size_is_at_most_nine_characters(count):
    assert len(units.human_size(count)) <= 9


def test_one_of_a_kind_is_no_plural():
    assert [units.human_count(count, "backup") for count in (0, 1, 1200)] == ["0 backups", "1 backup", "1,200 backups"]
