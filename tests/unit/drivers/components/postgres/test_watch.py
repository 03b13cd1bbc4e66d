# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is watched is ended for a reason, and also when nobody can watch it any more."""

from __future__ import annotations

import threading

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import watch


def test_what_cannot_be_watched_any_more_is_ended() -> None:
    # Else a look that fails takes the limits of time, memory and room away.
    ended = threading.Event()

    def look() -> None:
        raise OSError(24, "Too many open files")

    with watch.Watch([watch.at_time(0), look], ended.set) as watching:
        assert ended.wait(10)
    assert "Too many open files" in str(watching.reason)
