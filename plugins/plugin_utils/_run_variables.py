# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The variables of a single run of a plan, which count from the command line alone.

This file is private to the collection.
"""

from __future__ import annotations

import json
import typing as t

from ..module_utils._engine.ground.errors import UsageError
from ..module_utils._engine.records.recovery.step_types import PITR
from ..module_utils._engine.records.wal import targets

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ..module_utils._engine.records.recovery.plan import Plan

GIVEN = (
    *("lifeboat_approve", "lifeboat_confirm", "lifeboat_failover", "lifeboat_incident_at", "lifeboat_infected_since"),
    *("lifeboat_pitr_target", "lifeboat_recovery_id", "lifeboat_replace", "lifeboat_restore_from"),
    "lifeboat_takeover",
)
"""Their names."""


def given(variables: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return what is given, by its name without lifeboat_. Raise UsageError for a text that does not say both sides."""
    return {name.removeprefix("lifeboat_"): _given(name, variables[name]) for name in GIVEN if name in variables}


def check_target(plan: Plan, given: Mapping[str, t.Any]) -> None:
    """Raise UsageError for a moment that cannot be meant, or that the plan has no step for."""
    if "pitr_target" not in given:
        return
    try:
        targets.parse(given["pitr_target"])
    except UsageError as exc:
        raise UsageError(f"lifeboat_pitr_target: {exc.cause}", exc.remedy, field="lifeboat_pitr_target") from exc
    if all(step.type != PITR for step in plan.steps):
        raise UsageError(
            f"The plan {plan.name} has no step that recovers a server to a moment, as lifeboat_pitr_target wants it.",
            "Use a plan with a step of type pitr, such as database_corruption or data_loss, or leave it out.",
            field="lifeboat_pitr_target",
        )


def check_needed(plan: Plan, variables: Mapping[str, t.Any]) -> None:
    """Raise UsageError for what the plan needs and the command line does not say."""
    lacking = [name for name in plan.needs if not variables.get(name)]
    if lacking:
        raise UsageError(
            f"The plan {plan.name} needs {' and '.join(lacking)}.",
            f"Pass it with each run of the plan, such as -e {lacking[0]}=VALUE; docs/variables.md says what it means.",
            field=lacking[0],
        )


def _given(name: str, value: t.Any) -> t.Any:
    """Return the value of one. A form, such as a survey of AWX, has texts alone, empty ones too."""
    if not isinstance(value, str) or name not in _FROM_TEXT:
        return _plain(value)
    return _FROM_TEXT[name](str(value))


def _pairs(text: str, name: str = "lifeboat_replace", such_as: str = "db1=spare1, web1=spare2") -> dict[str, str]:
    """Return the hosts by those in whose place they stand, from `db1=spare1, web1=spare2`."""
    pairs = [word.partition("=") for word in _words(text)]
    if not all(host and spare for host, _sign, spare in pairs):
        raise UsageError(
            f"{name} is {text!r}, which does not say what stands in for what.",
            f"Write the hosts such as {such_as}.",
            field=name,
        )
    return {host: spare for host, _sign, spare in pairs}


def _target(text: str) -> t.Any:
    """Return the target that a text is: a word, JSON as `-e name=value` passes it, or else a time."""
    if text in targets.WORDS:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return {"time": text}


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


_FROM_TEXT: Mapping[str, t.Callable[[str], t.Any]] = {
    "lifeboat_approve": _words,
    "lifeboat_failover": lambda text: _pairs(text, "lifeboat_failover", "db1=db2"),
    "lifeboat_pitr_target": _target,
    "lifeboat_replace": _pairs,
    "lifeboat_takeover": lambda text: text.strip() or False,
}


def _plain(value: t.Any) -> t.Any:
    """Return what YAML can hold of a value that Ansible evaluates when it is read."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
