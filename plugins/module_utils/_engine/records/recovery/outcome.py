# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What came of a recovery or a drill that is over: a small signed record that is not encrypted, so that hosts which hold
no key can watch it. It names no host, no error and no person.
"""

from __future__ import annotations

import dataclasses
import datetime  # noqa: TC003 - read at run time, by forms
import typing as t

from ...drivers.crypto import seals, strict_json
from ...ground.errors import AlreadyExists, NotFound, Tampered
from ..repository import names as repository
from . import arriving, expecting, forecast, forms, objectives
from .events import KIND, MODES, Expected, Mode

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...drivers.stores.base import Store
    from ..repository.trusted_keys import TrustedKeys
    from .objectives import Objective
    from .state import State

FORMAT = "lifeboat-recovery-outcome/1"
WHAT = "The outcome of a recovery"

TRIED = 5
"""Records that are looked at for one that can be believed: whoever may write can put one there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an objective; `actual` and the objective are seconds, `kind` is rto or rpo."""

    component: str
    kind: str
    objective: int
    actual: int | None
    verdict: t.Literal["met", "missed", "open"]


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """
    How long a recovery took and was to take, and by component how long its next one will take from its beginning.

    `torn_down` tells of a drill whether it left nothing on its hosts, `canaries` how many faults it was to find.
    """

    application: str
    recovery_id: str
    mode: Mode
    plan: str
    started: datetime.datetime
    ended: datetime.datetime
    result: t.Literal["ok", "failed"]
    seconds: int
    expected: Expected
    forecast: dict[str, Expected]
    objectives: tuple[Verdict, ...]
    canaries: dict[str, int]
    torn_down: bool


def of(state: State, wanted: Iterable[Objective], earlier: Iterable[State]) -> Outcome:
    """Return what came of a recovery that is over. `earlier` are those that its next one is forecast by."""
    sizes = forecast.sizes(state.plan, state.points, {})
    but, logs = arriving.idle(state.plan, state.target), forecast.replayed(state)
    later = forecast.expect(state.plan, sizes, "recover", earlier, but=but, logs=logs)
    last = {step.component: step.id for step in state.plan.steps if step.component}
    return Outcome(
        application=state.application,
        recovery_id=state.recovery_id,
        mode=state.opened.mode,
        plan=state.plan.name,
        started=state.started,
        ended=state.last_at,
        result="ok" if state.closed == "ok" else "failed",
        seconds=round((state.last_at - state.started).total_seconds()),
        expected=expecting.total(state.plan, state.forecast),
        forecast={
            component: expecting.total(state.plan, later, until=step) for component, step in sorted(last.items())
        },
        objectives=tuple(_judged(each, state) for each in wanted),
        canaries=state.canaries,
        torn_down=state.torn_down is not None and not state.torn_down.left,
    )


def store(keys: TrustedKeys, place: Store, outcome: Outcome) -> None:
    """Sign it and put it into the store; one that is there stays. Raise KeyRefused when no key at hand may sign it."""
    payload = strict_json.dumps({"format": FORMAT, **forms.record(outcome)})
    record = seals.seal_record(KIND, payload, [keys.root_writer(KIND, outcome.ended).signer])
    try:
        place.put_new(repository.outcome(outcome.application, outcome.mode, outcome.recovery_id), record)
    except AlreadyExists:
        return


def newest(keys: TrustedKeys, place: Store, application: str, mode: Mode) -> Outcome | None:
    """Return the newest that can be believed, None where there is none."""
    listed = {
        identity: info
        for info in place.list(repository.outcomes(application, mode))
        if (identity := repository.parse_outcome(application, mode, info.name))
    }
    for identity in sorted(listed, reverse=True)[:TRIED]:
        try:
            record = b"".join(place.get(listed[identity].name, 0, seals.envelope_limit(KIND)))
            found = _read(keys, record, listed[identity].modified)
        except (NotFound, Tampered):
            continue
        if (found.application, found.mode, found.recovery_id) == (application, mode, identity):
            return found
    return None


def both(keys: TrustedKeys, place: Store, application: str) -> dict[Mode, Outcome | None]:
    """Return the newest of a recovery and of a drill."""
    return {mode: newest(keys, place, application, mode) for mode in MODES}


def expected(found: Mapping[Mode, Outcome | None], component: str) -> Expected | None:
    """Return how long the next recovery of a component will take, as the last one of either mode knew it."""
    last = max((one for one in found.values() if one), key=lambda one: one.ended, default=None)
    if last is None:
        return None
    return last.forecast.get(component) or (last.forecast.get(objectives.DATABASE) if "/" in component else None)


def _read(keys: TrustedKeys, record: bytes, stored: datetime.datetime) -> Outcome:
    opened = seals.open_record(KIND, record, keys.root_signers(KIND, None, stored=stored))
    value = strict_json.loads(opened.payload, limit=seals.LIMITS[KIND])
    if not isinstance(value, dict) or value.pop("format", None) != FORMAT:
        raise Tampered(f"{WHAT} has an unknown format.", "Use a version that supports it.")
    found = forms.read(Outcome, value, WHAT)
    if keys.root_signers(KIND, found.ended, stored=stored).isdisjoint(opened.signers):
        raise Tampered("Its signer was not trusted at the time that it claims.")
    return found


def _judged(wanted: Objective, state: State) -> Verdict:
    one = objectives.judge(wanted, state)
    actual = None if one.actual is None else round(one.actual)
    return Verdict(wanted.component, wanted.kind, round(wanted.seconds), actual, t.cast("t.Any", one.verdict))
