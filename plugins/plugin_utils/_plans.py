# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Recovery plans as files: where they are, what is read, and what this run of Ansible may ask of them.

This file is private to the collection.
"""

from __future__ import annotations

import os
import typing as t

import jinja2
import yaml
from ansible import constants, context
from ansible.errors import AnsibleError
from ansible.plugins.loader import connection_loader

from ..module_utils._engine.ground.errors import UsageError
from ..module_utils._engine.records.recovery import drilling
from ..module_utils._engine.records.recovery import plan as plans
from ..module_utils._engine.records.recovery.events import DRILL
from ..module_utils._engine.records.recovery.plan_keys import nearest
from . import _drill, _hosts, _plan_files, _run_variables
from ._compile import Compiled
from ._known_steps import KnownSteps
from ._run_variables import GIVEN

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..module_utils._engine.records.recovery.events import Mode
    from ..module_utils._engine.records.recovery.plan import Plan

SHIPPED = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "roles", "recover", "files", "plans"
)

ENDINGS = (".yml", ".yaml")


def compiled(term: str, variables: Mapping[str, t.Any], mode: Mode = "recover") -> str:
    """Return the path of the playbook that the plan means. Raise AnsibleError for one that cannot be run."""
    try:
        path = find(term, variables)
        plan = read(path)
        _check_arguments(plan)
        given = _run_variables.given(variables)
        _run_variables.check_target(plan, given)
        known = {**variables, **{f"lifeboat_{name}": given.get(name, {}) for name in ("replace", "failover")}}
        _hosts.check_pairs(known)
        if mode == DRILL:
            _drill.check(given)
            plan, known = drilling.drilled(plan), _drill.with_all_lost(known)
            given["approve"] = [step.id for step in plan.steps if step.approval and step.drill]
        if not context.CLIARGS.get("syntax"):
            _run_variables.check_needed(plan, known)
        paths, hosts = _resolved(plan, path, known)
        if mode != DRILL:
            _hosts.check_lost(plan, hosts, known)
        steps = KnownSteps(plan, mode, hosts, _plan_files.digests(paths), given)
        plays = Compiled(steps, paths, os.getpid(), str(constants.DEFAULT_LOCAL_TMP), _ssh_extra_args()).plays()
    except UsageError as exc:
        raise AnsibleError(str(exc)) from exc
    return _written(plays, plan.name)


def _ssh_extra_args() -> str:
    """Return what the command line, the environment or ansible.cfg give ssh in addition."""
    connection_loader.get("ssh", class_only=True)  # makes its options known
    known = constants.config.get_config_value("ssh_extra_args", plugin_type="connection", plugin_name="ssh")
    return str(context.CLIARGS.get("ssh_extra_args") or known or "")


def listed(variables: Mapping[str, t.Any]) -> Iterator[dict[str, t.Any]]:
    """
    Yield what is to be said of each plan that a name can mean, the most urgent first, with its problem, empty where
    there is none.
    """
    order = {priority: place for place, priority in enumerate(plans.PRIORITIES)}
    yield from sorted(_listed(variables), key=lambda plan: (order.get(plan["priority"], len(order)), plan["name"]))


def _listed(variables: Mapping[str, t.Any]) -> Iterator[dict[str, t.Any]]:
    known = {**_drill.with_all_lost(variables), **variables}
    for name, path in _known(variables).items():
        about: dict[str, t.Any] = {"name": name, "path": path, "priority": "", "description": "", "steps": []}
        about |= {"needs": [], "replaces": False, "approvals": []}
        try:
            plan = read(path)
            about |= {"priority": plan.priority, "description": plan.description}
            about |= {"steps": [step.id for step in plan.steps], "needs": list(plan.needs)}
            about["replaces"] = any(_hosts.LOST in step.hosts for step in plan.steps)
            about["approvals"] = [{"id": step.id, "approval": step.approval} for step in plan.steps if step.approval]
            _resolved(plan, path, known)
        except UsageError as exc:
            yield {**about, "problem": str(exc)}
        else:
            yield {**about, "problem": ""}


def _resolved(plan: Plan, path: str, variables: Mapping[str, t.Any]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the paths of what lies beside a plan, and the hosts of each step. Raise UsageError for what is missing."""
    paths = dict(_plan_files.beside(plan, os.path.dirname(path)))
    hosts = {step.id: _hosts.of(step, variables) for step in plan.steps}
    _hosts.check_branches(plan, hosts)
    return paths, hosts


def find(term: str, variables: Mapping[str, t.Any]) -> str:
    """Return the path of a plan. Raise UsageError that says where it was looked for."""
    if os.sep in term:
        if not os.path.isfile(term):
            raise UsageError(f"There is no recovery plan {term}.", "Correct lifeboat_plan.", field="lifeboat_plan")
        return os.path.abspath(term)
    known = _known(variables)
    if term not in known:
        raise UsageError(
            f"There is no recovery plan {term!r} in {', '.join(folders(variables)[:-1])} or the collection. Known are "
            f"{', '.join(sorted(known))}.{nearest(term, known)}",
            "Correct lifeboat_plan.",
            field="lifeboat_plan",
        )
    return known[term]


def _known(variables: Mapping[str, t.Any]) -> dict[str, str]:
    """Return the paths of the plans by their names; of two with the same name the first one counts."""
    found: dict[str, str] = {}
    for folder in folders(variables):
        for name, path in _in(folder):
            found.setdefault(name, path)
    return found


def folders(variables: Mapping[str, t.Any]) -> list[str]:
    """Return the directories with plans: those beside the inventory and the playbook, then the shipped one."""
    sources = context.CLIARGS.get("inventory") or constants.DEFAULT_HOST_LIST or ()
    own = [
        path if os.path.isdir(path) else os.path.dirname(os.path.abspath(path)) for path in sources if "," not in path
    ]
    # A file that imports playbook recover, as in a project of AWX: playbook_dir is that of the imported one.
    files = [path for path in context.CLIARGS.get("args") or () if os.path.isfile(path)]
    own += [os.path.dirname(os.path.abspath(path)) for path in files]
    own.append(str(variables.get("playbook_dir", os.getcwd())))
    return [*dict.fromkeys(os.path.join(folder, "recovery") for folder in own), SHIPPED]


def _in(folder: str) -> Iterator[tuple[str, str]]:
    """Yield name and path of the plans in a directory."""
    for entry in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        name, ending = os.path.splitext(entry)
        if ending in ENDINGS and os.path.isfile(os.path.join(folder, entry)):
            yield name, os.path.join(folder, entry)


def read(path: str) -> Plan:
    """Return the plan in a file. Raise UsageError when it is none, or when others could have written it."""
    if os.path.dirname(path) != SHIPPED:
        _plan_files.check_owner(path)
    with open(path, "rb") as file:
        data = file.read(plans.LARGEST + 1)
    try:
        if len(data) > plans.LARGEST:
            raise yaml.YAMLError(f"it is larger than {plans.LARGEST} bytes")
        document = yaml.load(data, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as exc:
        reason = " ".join(str(exc).split())
        raise UsageError(f"The recovery plan {path} cannot be read: {reason}.", "Correct it.", field="plan") from exc
    plan = plans.parse(document, os.path.splitext(os.path.basename(path))[0])
    _check_expressions(plan)
    for name in plan.needs:
        if name not in GIVEN:
            raise UsageError(
                f"The plan {plan.name} is invalid. needs: a run is given no {name}.{nearest(name, GIVEN)}",
                f"Use {', '.join(GIVEN)}.",
                field="plan",
            )
    return plan


class _Loader(yaml.SafeLoader):
    """YAML without surprises: a key that is there twice and a vaulted value are errors."""

    def construct_mapping(self, node: t.Any, deep: bool = False) -> dict[t.Any, t.Any]:
        seen = set()
        for key, _value in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value} is there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _vaulted(_loader: t.Any, node: t.Any) -> t.NoReturn:
    message = "a plan holds no vaulted value: put it into a variable of the inventory, and name that here"
    raise yaml.constructor.ConstructorError(None, None, message, node.start_mark)


_Loader.add_constructor("!vault", _vaulted)


def _check_expressions(plan: Plan) -> None:
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - nothing is rendered
    for step in plan.steps:
        for key, expressions in (("when", step.when), ("require", step.require)):
            for expression in expressions:
                try:
                    environment.parse("{{ " + expression + " }}")
                except jinja2.TemplateSyntaxError as exc:
                    raise UsageError(
                        f"The plan {plan.name} is invalid. Step {step.id}, {key}: {expression!r} is no expression: "
                        f"{exc.message}.",
                        "Correct it.",
                        field="plan",
                    ) from exc


def _check_arguments(plan: Plan) -> None:
    """Raise UsageError for what a run of a plan cannot have from Ansible's command line."""
    for option, flag in (("subset", "--limit"), ("start_at_task", "--start-at-task")):
        if context.CLIARGS.get(option):
            raise UsageError(
                f"A recovery plan chooses its hosts itself, and resumes by its journal, so {flag} cannot be used.",
                f"Run it without {flag}.",
                field=flag,
            )
    known = [f"step-{step.id}" for step in plan.steps]
    wrong = [("--tags", tag) for tag in context.CLIARGS.get("tags") or () if tag not in {*known, "all"}]
    # Tools skip tags of their own, which no step has.
    skipped = [tag for tag in context.CLIARGS.get("skip_tags") or () if tag == "always" or tag.startswith("step-")]
    wrong += [("--skip-tags", tag) for tag in skipped if tag not in known]
    for flag, tag in wrong:
        raise UsageError(
            f"The plan {plan.name} has no step for {flag} {tag}.{nearest(tag, known)}",
            f"Use {', '.join(known)}.",
            field=flag,
        )


def _written(plays: list[dict[str, t.Any]], name: str) -> str:
    """Write the playbook where only this run of Ansible looks, and return its path."""
    path = os.path.join(constants.DEFAULT_LOCAL_TMP, f"recovery-{name}.yml")
    text = yaml.dump(plays, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class _Dumper(yaml.SafeDumper):
    """Each value in full: Ansible's messages then point to lines that can be read."""

    def ignore_aliases(self, _data: object) -> bool:
        return True
