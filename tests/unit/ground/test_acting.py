# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process is another user for a moment, and itself again afterwards."""

from __future__ import annotations

import os
import pwd
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.acting import acting_as
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError


@pytest.mark.parametrize("user", ["", "nobody"])
def test_the_block_runs_as_the_user_and_what_follows_as_before(user: str) -> None:
    own = (os.geteuid(), os.getegid())
    found = pwd.getpwnam(user or pwd.getpwuid(own[0]).pw_name)
    with pytest.raises(KeyError) if own[0] == 0 else pytest.raises((KeyError, UsageError)), acting_as(user, "os_user"):
        assert os.geteuid() == found.pw_uid
        raise KeyError
    assert (os.geteuid(), os.getegid()) == own


def test_a_user_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="no user 'no such user'"), acting_as("no such user", "os_user"):
        pass


def test_other_threads_stay_who_they_are() -> None:
    user = "nobody" if os.geteuid() == 0 else ""
    with ThreadPoolExecutor(1) as threads:
        before = threads.submit(_effective).result()
        with acting_as(user, "os_user"):
            during = threads.submit(_effective).result()
    assert during == before


def _effective() -> int:
    with open(f"/proc/self/task/{threading.get_native_id()}/status", encoding="ascii") as status:
        return next(int(line.split()[2]) for line in status if line.startswith("Uid:"))
