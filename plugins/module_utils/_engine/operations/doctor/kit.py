# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recovery kit: could a bare machine begin a recovery with the recovery key and the store alone?"""

from __future__ import annotations

import typing as t

from ...ground.errors import AccessDenied, Tampered
from ...records.kit import listing
from .check import Case, Check, ok, warning

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_WRITE = "Run playbook lifeboat.recovery.recovery_kit, with the recovery key."


def examine(case: Case) -> Iterator[Check]:
    """Yield what there is to say about the list of the kit. Its files are for `recovery_kit` with state checked."""
    opened = case.opened
    if opened is None or not case.wants("kit"):
        return
    try:
        kit = listing.fetch(opened.store, case.application, opened.trusted_keys.roots)
    except AccessDenied:
        return  # a host that may only write
    except Tampered as exc:
        yield warning("kit", exc.cause, f"Find out who wrote it, unless the recovery key was replaced. {_WRITE}")
        return
    known = opened.receipts.kit_serial(case.application)
    if kit is None:
        yield warning("kit", f"{opened.store.url} has no recovery kit for a machine that has nothing else.", _WRITE)
    elif kit.serial < known:
        yield warning("kit", f"The store has recovery kit {kit.serial}, and kit {known} was there.", _WRITE)
    else:
        if not case.world.dry_run:
            opened.receipts.saw_kit(case.application, kit.serial)
        yield ok("kit", f"The store has recovery kit {kit.serial}, signed by the root.", serial=kit.serial)
