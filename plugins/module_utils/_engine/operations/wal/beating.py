# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: a heartbeat of this host's server, which runs every few minutes and so does nothing else."""

from __future__ import annotations

from ...drivers.components.postgres import heartbeat, login
from ...ground.errors import UsageError
from ...records.host import settings


def beat(config_dir: str) -> str:
    """
    Let the server that this host's settings name beat, and return what was done in one sentence.

    Raise UsageError where the host has no server, and DatabaseError where the server cannot beat.
    """
    known = settings.read(config_dir)
    if known.login is None:
        raise UsageError(
            f"By {known.path} this host has no server.", "Remove lifeboat_wal and job heartbeat for this host."
        )
    made = heartbeat.beat(login.Login(**{**known.login, "port": int(known.login.get("port", 5432))}))
    if made is None:
        return "The server is a standby: it has the heartbeats of its primary."
    return "The server has a heartbeat."
