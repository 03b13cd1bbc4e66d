# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: make a server that was stopped, such as the former primary, a standby of the server that took its place.

pg_rewind takes back what it wrote after their histories parted; where that cannot be, pg_basebackup copies the primary,
and what was there is kept beside it. Transactions that only this server has are lost, so their number is told first,
and nothing is changed until somebody accepts that.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.components.postgres import standby_settings, wal
from ...drivers.components.postgres.replication import environment
from ...ground import process, units
from ...ground.errors import DatabaseError, ProcessFailed, UsageError
from ...ground.model import Outcome
from . import copying

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ...drivers.components.postgres.control_data import ControlData
    from ...drivers.components.postgres.replication import LocalServer
    from ...drivers.components.postgres.sender import Sender
    from ...drivers.components.postgres.wal import Written
    from ...ground.model import World

METHODS = ("auto", "rewind", "copy")

NOTHING = wal.Written(0, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class StandbyRequest:
    """
    Which server follows which, by which `slot` of it.

    `config_file` is postgresql.conf, where it is not in the data directory. `method` is `rewind`, `copy`, or `auto`:
    the first of them that works. `discard` accepts that transactions are lost. `size` is how many bytes the primary
    has, 0 if that is not known.
    """

    server: LocalServer
    primary: Sender
    slot: str
    config_file: str
    method: str
    discard: bool
    size: int


def make_standby(request: StandbyRequest, world: World) -> Outcome:
    """
    Make it a standby, ready to be started. Raise DatabaseError for a server that runs as a primary, is of another
    cluster, or has transactions that would be lost.
    """
    server, psql = request.server, request.server.program("psql")
    wanted = standby_settings.settings(request.primary.conninfo(), request.slot)
    identifier, timeline = request.primary.identify(psql)
    has_slot = request.primary.has_slot(psql, request.slot)
    if server.alive:
        state = server.look()
        _require_kin(state["system_identifier"], identifier, request)
        if not state["in_recovery"]:
            raise DatabaseError(
                f"The server of {server.data_dir} runs as a primary.",
                "Stop it first, and make sure that nothing starts it, as playbook lifeboat.recovery.isolate does with "
                "action fence.",
            )
        changed = not standby_settings.is_written(server.data_dir, wanted)
        plan = _Plan("none", "It runs as a standby.", NOTHING)
    else:
        control = server.control()
        _require_kin(control.system_identifier, identifier, request)
        plan = _plan(request, control, request.primary.ancestors(psql, timeline), timeline)
        changed = plan.method != "none" or not standby_settings.is_written(server.data_dir, wanted)
    changed = changed or not has_slot
    if not changed or world.dry_run:
        return _outcome(plan, request, changed=changed, kept="")
    if not has_slot:
        request.primary.create_slot(psql, request.slot)
    plan, kept = _carry_out(plan, request, wanted, world)
    standby_settings.write(server.data_dir, wanted)
    return _outcome(plan, request, changed=True, kept=kept)


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """How the data become those of the primary, why so, and what is lost by that; None if nobody can tell."""

    method: str
    reason: str
    discarded: Written | None


def _require_kin(identifier: str, wanted: str, request: StandbyRequest) -> None:
    if identifier != wanted:
        raise UsageError(
            f"{request.server.data_dir} is of another cluster than the server at {request.primary.host} port "
            f"{request.primary.port}: their system identifiers are {identifier} and {wanted}.",
            "Check which host follows which.",
            field="primary",
        )


def _plan(request: StandbyRequest, control: ControlData, ancestors: dict[int, int], timeline: int) -> _Plan:
    """Decide how. Raise DatabaseError where that would lose transactions and nobody accepted it."""
    server = request.server
    # On the primary's own timeline nothing has parted.
    parted = ancestors.get(control.timeline)
    if control.timeline == timeline and parted is None:
        return _chosen(request, "none", "Its history is the beginning of the primary's.", NOTHING)
    discarded = None if parted is None else wal.written_after(server.bin_dir, server.data_dir, control.timeline, parted)
    if discarded is None or (discarded.transactions and not request.discard):
        _require_accepted(request, control, discarded)
    if discarded is not None and not discarded:
        return _chosen(request, "none", "The primary has all that it wrote.", discarded)
    if not control.rewindable:
        return _chosen(
            request, "copy", "It has neither data checksums nor wal_log_hints, which pg_rewind needs.", discarded
        )
    return _chosen(request, "rewind", "It wrote something that the primary does not have.", discarded)


def _require_accepted(request: StandbyRequest, control: ControlData, discarded: Written | None) -> None:
    if request.discard:
        return
    what = (
        f"{units.human_count(discarded.transactions, 'transaction')} in {units.human_size(discarded.bytes)} of WAL "
        "that the primary never received"
        if discarded
        else f"transactions on timeline {control.timeline} that the primary may never have received, and whose number "
        "cannot be told any more"
    )
    raise DatabaseError(
        f"The server of {request.server.data_dir} has {what}. They are lost when it becomes a standby.",
        "If they matter, save them before. Accept the loss, and run this again.",
        transactions=discarded.transactions if discarded else None,
        bytes=discarded.bytes if discarded else None,
    )


def _chosen(request: StandbyRequest, method: str, reason: str, discarded: Written | None) -> _Plan:
    """Return a plan, with the method that was asked for."""
    if request.method == "copy":
        return _Plan("copy", "It was asked for.", discarded)
    if request.method == "rewind" and method == "copy":
        raise DatabaseError(reason, "Use method auto or copy.")
    return _Plan(method, reason, discarded)


def _carry_out(plan: _Plan, request: StandbyRequest, wanted: Mapping[str, str], world: World) -> tuple[_Plan, str]:
    """Make the data those of the primary. Return what was done, and where the data that were there are kept."""
    if plan.method == "rewind":
        try:
            _rewind(request, environment(world.environ))
        except ProcessFailed as exc:
            if request.method == "rewind":
                raise DatabaseError(f"pg_rewind cannot work: {exc.cause}", "Use method auto or copy.") from exc
            plan = dataclasses.replace(plan, method="copy", reason=f"pg_rewind cannot work: {exc.cause}")
        else:
            return plan, ""
    if plan.method != "copy":
        return plan, ""
    copied = copying.Copy(request.server, request.primary, request.slot, request.size, wanted)
    return plan, copied.make(world)


def _rewind(request: StandbyRequest, env: Mapping[str, str]) -> None:
    """Take back what the primary does not have: first on paper. Raise ProcessFailed when it cannot."""
    server = request.server
    settings = [f"--config-file={request.config_file}"] if request.config_file else []
    if not server.control().clean:
        # As pg_rewind would do, but a dry run wants it done. It takes no connections.
        recover = [
            "--single",
            "-F",
            "-D",
            server.data_dir,
            *(["-c", f"config_file={request.config_file}"] if settings else []),
        ]
        process.run([server.program("postgres"), *recover, "template1"], env=env)
    argv = [server.program("pg_rewind"), f"--target-pgdata={server.data_dir}", *settings]
    argv.append(f"--source-server={request.primary.conninfo(dbname='postgres')}")
    process.run([*argv, "--dry-run"], env=env)
    try:
        process.run(argv, env=env)
    except ProcessFailed as exc:
        raise DatabaseError(
            f"pg_rewind failed halfway: {exc.cause} The data directory cannot be used any more.",
            "Run this again with method copy.",
        ) from exc


def _outcome(plan: _Plan, request: StandbyRequest, *, changed: bool, kept: str) -> Outcome:
    ways = {"none": "as it is", "rewind": "by pg_rewind", "copy": "by pg_basebackup"}
    said = f"It follows {request.primary.host} port {request.primary.port} by slot {request.slot}, {ways[plan.method]}."
    discarded = None if plan.discarded is None else dataclasses.asdict(plan.discarded)
    facts = {"method": plan.method, "reason": plan.reason, "discarded": discarded, "kept": kept}
    after = f"standby of {request.primary.host} port {request.primary.port}, {ways[plan.method]}\n"
    return Outcome(changed=changed, facts={**facts, "summary": f"{said} {plan.reason}"}, before="", after=after)
