# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Whether a restored database is the one that was backed up: its proof is taken again and compared.
"""

from __future__ import annotations

import typing as t

from ..errors import ProofMismatch
from ..postgres import notes, proof, unmade

if t.TYPE_CHECKING:
    from .plan import Plan


def prove(plan: Plan, database: str, lost: tuple[unmade.Loss, ...]) -> list[str]:
    """Compare `database` with the backup's proof. Give notes; raise ProofMismatch that names the first difference."""
    before = plan.material.detail["proof"]
    if before["level"] == "none":
        return ["The backup has no proof, so the restored database was not compared with anything."]
    after = proof.take(
        plan.tools.login, database, None, before["level"], like=before, partial=bool(before.get("partial"))
    )
    found = [each for each in proof.excuse(proof.compare(before, after)) if not unmade.excuses(lost, each)]
    if real := [difference for difference in found if not difference.note]:
        raise ProofMismatch(
            f"The restored database is not the one that was backed up: {real[0]}.",
            "Nothing was replaced; try an earlier backup, and look into why this one differs.",
            differences=[str(difference) for difference in real[:100]],
            first_difference=str(real[0]),
        ).naming(str(real[0]))
    return notes.told(found, before, after)
