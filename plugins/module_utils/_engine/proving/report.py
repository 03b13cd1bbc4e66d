# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a validation found, as a result: everything that was compared, and the first thing that differs.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .. import units
from ..errors import ProofMismatch
from ..model import Outcome

if t.TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Findings:
    """Everything that a validation saw. `proof` is the level."""

    backup_id: str
    component: str
    mode: str
    proof: str
    seconds: float
    phase_seconds: Mapping[str, float]
    tables: tuple[Mapping[str, t.Any], ...]
    checks: tuple[dict[str, t.Any], ...]
    differences: tuple[str, ...]
    notes: tuple[str, ...]


def outcome(findings: Findings, contents: str) -> Outcome:
    """
    Return the result of a success, in which all the `contents` are there.

    Raise ProofMismatch, the result in its details, for a failure.
    """
    first = findings.differences[0] if findings.differences else None
    failed = [check for check in findings.checks if not check["passed"]]
    result = {**dataclasses.asdict(findings), "passed": first is None and not failed, "first_difference": first}
    if first is not None:
        raise ProofMismatch(
            f"The backup {findings.backup_id} does not restore to what was backed up: {first}.",
            "Look into it before you need it; earlier backups may be better.",
            validation=result,
            first_difference=first,
        ).naming(first)
    if failed:
        said = failed[0].get("error") or f"it gave {failed[0]['found']!r}, not {failed[0]['wanted']!r}"
        raise ProofMismatch(
            f"The check {failed[0]['name']!r} fails on the restored database: {said}.",
            "The data is as it was backed up; look into what the application wrote.",
            validation=result,
            first_difference=None,
        ).naming(said, failed[0]["name"])
    summary = (
        f"{findings.backup_id} restores: {contents} are as they were backed up "
        f"(proof {findings.proof}), {len(findings.checks)} checks passed, {units.human_duration(findings.seconds)}."
    )
    facts = {"validation": result, "summary": summary}
    return Outcome(False, facts, after=summary + "\n", warnings=findings.notes)
