# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Every use of a filter of the collection gives it what it takes.

Ansible finds out when the task runs, and some tasks run at the very end of a long night.
"""

from __future__ import annotations

import importlib
import inspect
import typing as t

import jinja2
import pytest
import yaml
from jinja2 import nodes
from rendering import ROOT
from role_variables import Untouched

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COLLECTION = "lifeboat.recovery."
PLUGINS = "ansible_collections.lifeboat.recovery.plugins.filter"


def filters() -> dict[str, Callable[..., t.Any]]:
    """Return the filters of the collection by their full names."""
    found: dict[str, Callable[..., t.Any]] = {}
    for path in ROOT.glob("plugins/filter/*.py"):
        own = importlib.import_module(f"{PLUGINS}.{path.stem}").FilterModule().filters()
        found |= {f"{COLLECTION}{name}": function for name, function in own.items()}
    return found


FILTERS = filters()


def texts(value: t.Any) -> Iterator[str]:
    """Yield every text of a document."""
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from texts(each)
        case list():
            for each in value:
                yield from texts(each)


def parsed(text: str) -> nodes.Template:
    """Return a text as Jinja reads it; a condition has no braces, and any other text without them is no template."""
    if "{{" in text or "{%" in text:
        return jinja2.Environment().parse(text)
    try:
        return jinja2.Environment().parse(f"{{{{ {text} }}}}")
    except jinja2.TemplateSyntaxError:
        return nodes.Template([])


def misfits(text: str) -> list[str]:
    """Return which filters of the collection do not take what a text gives them."""
    found = []
    for used in parsed(text).find_all(nodes.Filter):
        if used.name in FILTERS and used.dyn_args is None and used.dyn_kwargs is None:
            named = {each.key: None for each in used.kwargs}
            try:
                function = FILTERS[used.name]
                given = [None] * (2 if hasattr(function, "jinja_pass_arg") else 1)
                inspect.signature(function).bind(*given, *used.args, **named)
            except TypeError as exc:
                found.append(f"{used.name}: {exc}")
    return found


@pytest.mark.parametrize("folder", ["playbooks", "roles", "molecule"])
def test_every_filter_gets_what_it_takes(folder: str) -> None:
    wrong, seen = [], 0
    for path in (ROOT / folder).rglob("*.yml"):
        for text in texts(yaml.load(path.read_text(encoding="utf-8"), Untouched)):
            if COLLECTION in text:
                seen += 1
                wrong += [f"{path.relative_to(ROOT)}: {each}" for each in misfits(text)]
    assert wrong == []
    assert seen or folder != "roles"


def test_one_that_does_not_would_be_found() -> None:
    assert misfits("{{ plan | lifeboat.recovery.recovery_table(recovery, rows) }}") == [
        "lifeboat.recovery.recovery_table: missing a required argument: 'approvals'"
    ]
