# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A noun has one shape in all results that are pinned, and a name one meaning."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = Path(__file__).resolve().parents[2] / "data" / "results"


def found(value: t.Any, name: str) -> Iterator[t.Any]:
    """Yield whatever has that name, wherever it stands."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        if key == name:
            yield inner
        yield from found(inner, name)


def pinned(name: str, module: str = "*") -> list[t.Any]:
    return [
        each for path in sorted(RESULTS.glob(f"{module}/*.json")) for each in found(json.loads(path.read_text()), name)
    ]


@pytest.mark.parametrize(
    "module_and_noun", ["pg_backup backup", "pg_basebackup backup", "pg_restore restore", "restore_validate validation"]
)
def test_a_noun_has_the_same_keys_in_every_result(module_and_noun: str) -> None:
    shapes = {
        tuple(sorted(each))
        for each in pinned(module_and_noun.split()[1], module_and_noun.split(maxsplit=1)[0])
        if isinstance(each, dict)
    }
    assert len(shapes) == 1


def test_one_of_several_backups_is_as_the_only_one_is() -> None:
    alone = {frozenset(each) for each in pinned("backup", "pg_backup")}
    among = {frozenset(each) - {"database", "made"} for several in pinned("backups", "pg_backup") for each in several}
    assert alone == among


def test_tables_are_a_number_of_tables_everywhere() -> None:
    assert {type(each) for each in pinned("tables") if each is not None} == {int}
