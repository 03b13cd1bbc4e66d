# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: prove that a backup restores. It is restored where it is gone afterwards, or is there already; it is compared
with its proof, and asked the user's questions.
"""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

from ...drivers.components.base import DIFFERS, Check, Run
from ...ground import units
from ...ground.errors import ProofMismatch, Tampered
from ...ground.model import Outcome
from ...ground.progress import Phases, Progress, status_directory
from ...ground.verbs import operation_of
from ...records.repository import catalogue, newer, protection, readings
from ...records.repository import names as repository
from ...records.repository.reread import RereadFiles
from ...records.repository.stored_backup import chain
from ..mark import marking
from ..restore.read_progress import expect, tracked
from ..restore.restore import require_kind
from . import canaries

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...drivers.components.base import Answering, Trial
    from ...ground.model import World
    from ..restore.read_progress import Tracked


@dataclasses.dataclass(frozen=True, slots=True)
class ValidateRequest:
    """
    Which backup to prove, and where; `name` are the two parts of the component's name.

    Each of the `checks` has `check_timeout` seconds. With `canaries`, faults are planted once everything is right.
    """

    repository: catalogue.RepositorySettings
    name: tuple[str, str]
    trial: Trial
    backup: str = "latest"
    checks: tuple[Check, ...] = ()
    check_timeout: float = 60.0
    canaries: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Findings:
    """Everything that a validation saw. `proof` is the level, `canaries` None where none were asked for."""

    backup_id: str
    component: str
    mode: str
    proof: str
    seconds: float
    phase_seconds: Mapping[str, float]
    parts: tuple[Mapping[str, t.Any], ...]
    checks: tuple[dict[str, t.Any], ...]
    differences: tuple[str, ...]
    notes: tuple[str, ...]
    recovered: Mapping[str, t.Any] | None = None
    canaries: Mapping[str, t.Any] | None = None


def validate(request: ValidateRequest, world: World) -> Outcome:
    """
    Prove the backup that `request` names.

    Raise ProofMismatch when anything differs or a check fails (`details["validation"]` has the whole result), Tampered
    when a stored byte is not as signed, CanaryMissed when a planted fault passed unnoticed, NotFound when retention let
    the backup go meanwhile, and what the trial raises when it cannot be tried.
    """
    opened = catalogue.open_repository(request.repository, world)
    chosen = newer.choose(opened, repository.component(*request.name), request.backup, world.now())
    needed = chain(opened.read, chosen.backup)
    with readings.announced_all(needed, "a validation", secrets.token_hex(8)) as held:
        done = _vouched(request, world, needed)
    said = (warning for reading in held for warning in reading.warnings)
    return dataclasses.replace(done, warnings=(*chosen.notes, *said, *done.warnings))


def validate_chain(request: ValidateRequest, world: World, chain: Sequence[catalogue.Backup]) -> Outcome:
    """Prove the backup that is the last of `chain`."""
    trial, record = request.trial, chain[-1].manifest
    require_kind(chain, trial.kinds)
    if world.dry_run:
        trial.require(chain, world)
        planting = ", and plant canaries" if request.canaries else ""
        said = f"Would compare {record.backup_id} with its proof in {trial.where}{planting}."
        return Outcome(False, {"summary": said})
    directory = status_directory(request.repository.state_dir, world)
    progress = Progress(directory, "validate", record.component, world.now)
    run = Run(world, progress, Phases(world.now, progress), request.repository.state_dir)
    began = world.now()
    stored = tracked(chain, progress)
    if trial.reads_all:
        expect(stored, progress)
    with progress.running():
        try:
            with trial.place(stored, run, asked=bool(request.checks)) as place:
                found = place.compare()
                answers = _answers(request, place, run)
                contents, warnings = place.contents, place.warnings
                right = not found.differences and all(answer["passed"] for answer in answers)
                told = _canaries(chain[-1], place, run) if request.canaries and right else None
        finally:
            _remember(request, chain, stored)
        findings = Findings(
            backup_id=record.backup_id,
            component=record.component,
            mode=trial.mode,
            proof=record.proof,
            seconds=round((world.now() - began).total_seconds(), 3),
            phase_seconds=run.phases.seconds,
            parts=found.parts,
            checks=answers,
            differences=found.differences[:100],
            notes=(*warnings, *found.notes),
            recovered=found.recovered,
            canaries=told,
        )
        return outcome(findings, contents, found.verdict)


def _remember(request: ValidateRequest, chain: Sequence[catalogue.Backup], stored: Sequence[Tracked]) -> None:
    """Remember which files were read to their ends, whatever the data turned out to be."""
    pairs = zip(chain, stored, strict=True)
    names = (file.name for backup, seen in pairs for file in backup.manifest.files if file.member in seen.read)
    memory = RereadFiles(request.repository.state_dir, request.repository.place)
    memory.add(chain[-1].manifest.application, names)


def _answers(request: ValidateRequest, place: Answering, run: Run) -> tuple[dict[str, t.Any], ...]:
    if not request.checks:
        return ()
    with run.phases("checks"):
        return tuple(place.ask(check, request.check_timeout) for check in request.checks)


def _canaries(backup: catalogue.Backup, place: Answering, run: Run) -> dict[str, t.Any]:
    with run.phases("canaries"):
        return canaries.facts(canaries.release(backup, place, run.world))


def _vouched(request: ValidateRequest, world: World, chain: Sequence[catalogue.Backup]) -> Outcome:
    """Prove the backup, and mark it if a key may: as restore-tested if it has a proof, as no more so if it fails."""
    backup, mode = chain[-1], request.trial.mode
    try:
        done = validate_chain(request, world, chain)
    except (ProofMismatch, Tampered) as exc:
        facts = {"error": type(exc).__name__, "mode": mode}
        if not world.dry_run and protection.test_result(operation_of("validate"), "failed", facts) is False:
            _said, problem = marking.record_restore_test(
                backup, f"restored, {mode}: {facts['error']}", world, passed=False
            )
            exc.advise(problem)
        raise
    if world.dry_run:
        return done
    result = done.facts["validation"]
    marked, problem = False, ""
    if result["proof"] != "none":
        seen = f", {canaries.said(result['canaries'])}" if result["canaries"] else ""
        marked, problem = marking.record_restore_test(
            backup, f"restored, {result['mode']}, proof {result['proof']}{seen}", world
        )
    warnings = (*done.warnings, problem) if problem else done.warnings
    return dataclasses.replace(done, facts={**done.facts, "restore_tested_mark": marked}, warnings=warnings)


def outcome(findings: Findings, contents: str, verdict: str = DIFFERS) -> Outcome:
    """
    Return the result of a success, in which all the `contents` are there; `verdict` is what a difference means.

    Raise ProofMismatch, the result in its details, for a failure, and CanaryMissed where a canary was not found.
    """
    first = findings.differences[0] if findings.differences else None
    failed = [check for check in findings.checks if not check["passed"]]
    missed = findings.canaries["missed"] if findings.canaries else ()
    passed = first is None and not failed and not missed
    result = {**dataclasses.asdict(findings), "passed": passed, "first_difference": first}
    if first is not None:
        raise ProofMismatch(
            f"The data restored from backup {findings.backup_id} {verdict}: {first}.",
            "Find out why before you need it; earlier backups may be better.",
            validation=result,
            first_difference=first,
        ).naming(first)
    if failed:
        said = failed[0].get("error") or f"it returned {failed[0]['found']!r} instead of {failed[0]['wanted']!r}"
        raise ProofMismatch(
            f"The check {failed[0]['name']!r} fails on the restored data: {said}.",
            "The data is identical to the source; check what the application wrote.",
            validation=result,
            first_difference=None,
        ).naming(said, failed[0]["name"])
    if missed:
        raise canaries.unnoticed(missed, result)
    compared = f"{contents} are identical to the source (proof {findings.proof})"
    if findings.proof == "none":
        compared = "it has no proof, so nothing was compared"
    seen = f"{canaries.said(findings.canaries)}, " if findings.canaries else ""
    summary = (
        f"{findings.backup_id} restores: {compared}, {len(findings.checks)} checks passed, {seen}"
        f"{units.human_duration(findings.seconds)}."
    )
    facts = {"validation": result, "summary": summary}
    return Outcome(False, facts, after=summary + "\n", warnings=findings.notes)
