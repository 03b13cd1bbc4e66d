# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was accepted to be lost excuses that alone, and nothing whose name only begins like it."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.differences import (
    Difference,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.failed_objects import (  # noqa: E501
    Loss,
    excuses,
)


def excused(accepted: str, missing: str) -> bool:
    return excuses([Loss(accepted, "it failed", accepted, accepted=True)], Difference(missing, "missing", "is missing"))


@pytest.mark.parametrize(
    ("accepted", "missing"),
    [
        ("TABLE public a", "table public.a"),
        ("TABLE public a", "table column public.a.id"),
        ("TABLE public A b", 'table public."A b"'),
        ("TABLE odd-schema a", 'table "odd-schema".a'),
        ('TABLE public a"b', 'table public."a""b"'),
        ("FUNCTION public f(integer)", "function public.f(integer)"),
        ("TRIGGER public a touched", "trigger touched on public.a"),
    ],
)
def test_it_excuses_itself(accepted: str, missing: str) -> None:
    assert excused(accepted, missing)


@pytest.mark.parametrize(
    "missing",
    ['table public."a-b"', 'table public."a b"', "table public.ab", 'table public."a""b"', "table public.a$b"],
)
def test_it_excuses_no_other(missing: str) -> None:
    # Else a table that is missing for no known reason passes for one that was accepted to be lost.
    assert not excused("TABLE public a", missing)
