# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of known attacks agrees with the releases that a backup warns about."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.postgres import advisories, server


@pytest.mark.parametrize("major", server.PATCHED)
def test_the_newest_asks_for_the_release_that_is_called_patched(major):
    named = {each.minors[major] for each in advisories.KNOWN if major in each.minors}
    assert max(named) == server.PATCHED[major]
    assert advisories.of(major * 10000 + server.PATCHED[major]) == []
    assert advisories.KNOWN[-1] in advisories.of(major * 10000 + server.PATCHED[major] - 1)


def test_each_names_its_source_and_its_release():
    found = advisories.of(150013)
    assert [each.name for each in found][:2] == ["CVE-2025-8714", "CVE-2025-8715"]
    for each in found:
        assert each.record(15)["source"] == f"https://www.postgresql.org/support/security/{each.name}/"
        assert each.record(15)["fixed_in"].startswith("15.")


def test_a_release_is_open_to_what_was_found_after_it_alone():
    assert [each.name for each in advisories.of(150018)] == ["CVE-2026-18408", "CVE-2026-116314"]
    assert [each.name for each in advisories.of(150019)] == ["CVE-2026-116314"]


def test_a_major_that_nobody_knows_yet_is_not_blamed():
    assert advisories.of(200000) == []
