# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a program ended is said in words, whatever ended it."""

from __future__ import annotations

import os

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import process
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import ProcessFailed


@pytest.mark.parametrize(("number", "name"), [(15, "SIGTERM"), (40, "signal 40")])
def test_the_signal_that_killed_a_program_is_named(number: int, name: str) -> None:
    with pytest.raises(ProcessFailed, match=f"^sh was killed by {name}\\."):
        process.run(["sh", "-c", f"kill -{number} $$"], env={"PATH": os.defpath})


def test_of_an_error_with_a_hint_below_it_the_error_is_told() -> None:
    said = "printf 'psql: error: no such socket\\n\\tIs the server running?\\n' >&2; exit 2"
    with pytest.raises(ProcessFailed, match=r"^sh ended with status 2: psql: error: no such socket\.$"):
        process.run(["sh", "-c", said], env={"PATH": os.defpath})
