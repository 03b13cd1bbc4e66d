# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The runbook of one inventory: the general one, docs/runbook.md, with the hosts, plans, people and backups of its owner.

What comes from an inventory or a store becomes no markup, and no more than a cell of a table.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ...ground.printing import printable
from ..recover.formats import inline

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_GENERAL = "ansible-playbook -i INVENTORY"
_PLANS, _PEOPLE = "## Which plan", "## Whom to call"
_TIME = re.compile(r"^([0-9-]{10})T([0-9:]{5}):[0-9.]+\+00:00$")
_VARIABLE = re.compile(r"lifeboat_\w+")
_AS_TYPED = re.compile(r"[^ -~]|`")

Item = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """
    What an inventory says: its application, its hosts with `name`, `address` and `groups`, its spares, its plans
    as lookup recovery_plans has them, its contacts, its objectives by component, and where the store is.

    `points` are the recovery points as `component`, `backup_id`, `finished` and `restore_tested`; None where nobody
    asked the store. `command` is the beginning of each command line.
    """

    application: str
    command: str
    hosts: Sequence[Item] = ()
    spares: Mapping[str, Item] = dataclasses.field(default_factory=dict)
    plans: Sequence[Item] = ()
    contacts: Sequence[Item] = ()
    objectives: Mapping[str, Item] = dataclasses.field(default_factory=dict)
    store: str = ""
    points: Sequence[Item] | None = None


def text(general: str, facts: Facts) -> str:
    """Return the runbook of these facts; `general` is the text of docs/runbook.md, which has what is true for all."""
    _head, *sections = re.split(r"(?m)^(?=## )", general)
    lines = [f"# Runbook of {inline(facts.application)}", "", *_introduction(facts)]
    for section in sections:
        title = section.partition("\n")[0]
        if title == _PLANS:
            lines += ["", _PLANS, "", *_plans(facts), "", "## Hosts", "", *_hosts(facts)]
            lines += ["", "## Recovery points", "", *_points(facts)]
        elif title == _PEOPLE:
            lines += ["", _PEOPLE, "", *_people(facts)]
        else:
            kept = _LINK.sub(r"docs/\2", section.rstrip("\n"))
            lines += ["", kept.replace(_GENERAL, _typed(facts.command))]
    return "".join(f"{line}\n" for line in lines)


def _introduction(facts: Facts) -> Iterator[str]:
    yield f"Store: {_shown(facts.store)}. The pages that are named docs/ are in the directory of the collection."
    if facts.objectives:
        told = (
            f"{_shown(name)} {_shown(kind)} {_shown(str(value))}"
            for name, each in sorted(facts.objectives.items())
            for kind, value in sorted(each.items())
        )
        yield f"Promised: {'; '.join(told)}."


def _plans(facts: Facts) -> Iterator[str]:
    yield from _table(("plan", "when", "command"), (_plan(facts, each) for each in facts.plans))
    yield from ("", "Simulate first: add `--check --diff`.")
    databases = [each["name"] for each in facts.hosts if "databases" in each.get("groups", ())]
    if databases:
        attacked = f"{facts.command} lifeboat.recovery.isolate --limit {databases[0]}"
        yield f"If a host is attacked, first cut it off: `{_typed(attacked)}`."
    if any(each.get("replaces") for each in facts.plans):
        yield "`lifeboat_replace` names each lost host, and the spare that stands in for it."
        if not facts.spares:
            yield "No host can stand in for a lost one: set `lifeboat_spares`."
    drill = f"{facts.command} lifeboat.recovery.drill -e lifeboat_plan=PLAN"
    yield f"A drill runs a plan on hosts that nobody uses, before it is needed (docs/drill.md): `{_typed(drill)}`."


def _plan(facts: Facts, plan: Item) -> tuple[str, str, str]:
    words = f"{facts.command} lifeboat.recovery.recover -e lifeboat_plan={plan['name']}"
    words += "".join(f" -e {name}=..." for name in plan.get("needs", ()) if _VARIABLE.fullmatch(name))
    if plan.get("replaces"):
        databases = [each["name"] for each in facts.hosts if "databases" in each.get("groups", ())]
        lost, spare = next(iter(databases), "HOST"), next(iter(sorted(facts.spares)), "SPARE")
        words += f" -e '{json.dumps({'lifeboat_replace': {lost: spare}})}'"
    command = f"cannot run: {inline(plan['problem'])}" if plan.get("problem") else f"`{_typed(words)}`"
    return _shown(plan["name"]), inline(plan.get("description", "")), command


def _hosts(facts: Facts) -> Iterator[str]:
    hosts = ((each["name"], each.get("address", ""), ", ".join(each.get("groups", ()))) for each in facts.hosts)
    spares = ((name, each.get("ansible_host", ""), "spare") for name, each in sorted(facts.spares.items()))
    yield from _table(("host", "address", "groups"), map(_cells, (*hosts, *spares)))


def _points(facts: Facts) -> Iterator[str]:
    if facts.points is None:
        listing = f"{facts.command} lifeboat.recovery.list"
        runbook = f"{facts.command} lifeboat.recovery.runbook"
        yield f"Not read from the store. `{_typed(runbook)}` writes this page with them, `{_typed(listing)}` lists all."
        return
    rows = (
        (
            each["component"],
            each["backup_id"],
            _TIME.sub(r"\1 \2 UTC", each["finished"]),
            "yes" if each.get("restore_tested") else "no",
        )
        for each in facts.points
    )
    if facts.points:
        columns = ("database", "newest backup that is not suspicious", "finished", "restore-tested")
        yield from _table(columns, map(_cells, rows))
    else:
        yield "The store has no backup that could be restored."


def _people(facts: Facts) -> Iterator[str]:
    if not facts.contacts:
        yield "Nobody is named: set `lifeboat_contacts`."
        return
    columns = ("role", "name", "phone", "email", "availability", "within")
    people = sorted(facts.contacts, key=lambda each: int(each.get("level", 1)))
    rows = ((each.get("level", 1), *(each.get(column, "") for column in columns)) for each in people)
    yield from _table(("level", *columns), map(_cells, rows))


def _cells(row: Iterable[t.Any]) -> tuple[str, ...]:
    return tuple(_shown(str(cell)) for cell in row)


def _shown(value: str) -> str:
    """Return a value so that it can be read in a pager too: as code where it would need signs of Markdown's."""
    text = printable(value)
    escaped = inline(text)
    return escaped if escaped == text or set(text) & set("`|\\") else f"`{text}`"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _typed(command: str) -> str:
    """Return a command as code; what could end the code, or the line, is shown as a question mark."""
    return _AS_TYPED.sub("?", command).replace("|", "\\|")
