# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a recovery of an id came to on this host, noted before its copy takes its place: a run that is repeated because
nobody learned how it ended neither recovers again, nor leaves a copy that is ready beside the data directory.
"""

from __future__ import annotations

import hashlib
import json
import os
import typing as t

from ...drivers.components.postgres import replacing, wal_files
from ...ground import disk
from ...ground.errors import DatabaseError, NotFound
from ...ground.host_state import RECOVERED
from ...ground.model import Outcome
from ...records.repository import names as repository
from . import preparing
from .staging import Stage

if t.TYPE_CHECKING:
    from ...ground.model import World
    from .request import PitrRequest

CONTROL_BYTES = 8192
"""The size of a control file."""


def note(request: PitrRequest, outcome: Outcome, stage: Stage) -> None:
    """Note that the copy is ready, and what its place holds, which will be kept as the outcome says."""
    path = _path(request)
    if path and request.recovery_id:
        told = {
            "format": RECOVERED.format,
            "recovery_id": request.recovery_id,
            "data_directory": request.data_directory,
            "copy": _control(stage.data),
            "replaces": _control(request.data_directory),
            "placed": False,
            "restore": outcome.facts["restore"],
            "summary": outcome.facts["summary"],
        }
        disk.write_atomically(path, [json.dumps(told).encode()])


def note_place(request: PitrRequest) -> None:
    """Note that the copy has taken its place."""
    path, told = _path(request), _read(request)
    if path and told:
        disk.write_atomically(path, [json.dumps(told | {"placed": True}).encode()])


def find(request: PitrRequest, world: World) -> Outcome | None:
    """
    Return what the recovery of this id came to, None where it did not end. A copy that is ready takes its place.

    Raise DatabaseError where something else is in that place than when the copy became ready, or its server runs.
    """
    told = _read(request)
    if told is None:
        return None
    restore = {**told["restore"], "confirm": None}
    stage = Stage(request.data_directory, str(restore["backup_id"])[-16:], request.user())
    stage.require_own()
    ready = bool(told["copy"]) and _control(stage.data) == told["copy"]
    if not ready and not _is_placed(request.data_directory, told):
        return None
    if ready:
        there = _control(request.data_directory)
        _require_unchanged(request, told, there)
        preparing.require_stopped(request, world)
    if not world.dry_run:
        if ready:
            replacing.exchange(stage.data, request.data_directory, "" if there is None else restore["kept"])
            note_place(request)
        stage.remove()
    # A run that was killed between its two renames has kept it already.
    restore["kept"] = restore["kept"] if restore["kept"] and os.path.exists(restore["kept"]) else None
    facts = {"restore": restore, "summary": told["summary"]}
    return Outcome(changed=ready, facts=facts, after=f"{told['summary']}\n" if ready else "")


def _require_unchanged(request: PitrRequest, told: dict[str, t.Any], there: str | None) -> None:
    """Raise DatabaseError where the place holds what nobody has confirmed to lose."""
    if there is not None and there != told["replaces"]:
        raise DatabaseError(
            f"The recovery {request.recovery_id} made a copy that is ready, but the server of "
            f"{request.data_directory} went on since: what it wrote would be replaced with it.",
            f"To recover anew, use another recovery_id, or remove {_path(request)}.",
        )


def _path(request: PitrRequest) -> str | None:
    return RECOVERED.below(request.repository.state_dir, cluster=repository.cluster(request.cluster))


def _read(request: PitrRequest) -> dict[str, t.Any] | None:
    path = _path(request)
    if not path or not request.recovery_id:
        return None
    try:
        told = json.loads(b"".join(disk.read_blocks(path)))
    except (NotFound, ValueError):
        return None
    own = {
        "format": RECOVERED.format,
        "recovery_id": request.recovery_id,
        "data_directory": request.data_directory,
    }
    known = isinstance(told, dict) and own.items() <= told.items() and {"copy", "replaces", "placed"} <= told.keys()
    return told if known and repository.BACKUP_ID.fullmatch(str(told["restore"]["backup_id"])) else None


def _is_placed(directory: str, told: dict[str, t.Any]) -> bool:
    """Whether the data directory is the copy: it began its timeline, or is the standby, which begins none."""
    timeline = told["restore"]["new_timeline"]
    if timeline is not None:
        return os.path.exists(os.path.join(directory, "pg_wal", wal_files.history(timeline)))
    control = _control(directory)
    return bool(control) and (told["placed"] or control == told["copy"])


def _control(directory: str) -> str | None:
    """
    Return a hash of the control file, which has the last checkpoint and changes whenever a server runs: empty where
    there is none, and None where there are no data.
    """
    if not os.path.isdir(directory) or not os.listdir(directory):
        return None
    try:
        content = b"".join(disk.read_blocks(os.path.join(directory, "global", "pg_control"), 0, CONTROL_BYTES))
    except NotFound:
        return ""
    return hashlib.sha256(content).hexdigest()
