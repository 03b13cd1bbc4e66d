# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proof that takes ten minutes, for tests of what must not wait for it."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND wait_event = 'PgSleep'"
"""Counts the sessions that take such a proof of a database."""


def slowed(take: Callable[..., t.Any]) -> Callable[..., t.Any]:
    """Return `proof.take` with a long query in its own session before all others."""

    def take_slowly(*given: t.Any, connected: Callable[[t.Any], object], **named: t.Any) -> t.Any:
        def connected_and_asleep(session: t.Any) -> None:
            connected(session)
            session.execute("SELECT pg_sleep(600)")

        return take(*given, connected=connected_and_asleep, **named)

    return take_slowly
