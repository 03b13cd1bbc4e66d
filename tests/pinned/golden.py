# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The results of modules beside those that are kept in tests/data/results, a file a case.

Whoever changes a result on purpose has the files written anew, and looks at what `git diff` says of them:

    LIFEBOAT_TEST_REWRITE=1 pytest tests/unit/results tests/integration/results
"""

from __future__ import annotations

import difflib
import json
import os
import typing as t
from pathlib import Path

import placeholders
import pytest

if t.TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "data" / "results"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
REWRITE = bool(os.environ.get("LIFEBOAT_TEST_REWRITE"))


def check(module: str, cases: Mapping[str, t.Any], names: Mapping[str, str]) -> None:
    """
    Fail, with the difference, unless these are the cases that are kept of a module, and each is as it is kept.

    `names` are words of this run, and what stands for them in the files.
    """
    made = {case: as_text(result, names) for case, result in cases.items()}
    if REWRITE:
        _write(KEPT / module, made)
    kept = {path.stem: path.read_text(encoding="utf-8") for path in (KEPT / module).glob("*.json")}
    difference = [
        line
        for case in sorted(kept.keys() | made.keys())
        for line in difflib.unified_diff(
            kept.get(case, "").splitlines(),
            made.get(case, "").splitlines(),
            f"kept/{module}/{case}.json",
            f"made/{module}/{case}.json",
            lineterm="",
        )
    ]
    if difference:
        pytest.fail(
            "\n".join([*difference, "", f"If that is meant: {(__doc__ or '').strip().splitlines()[-1].strip()}"])
        )


def as_text(result: t.Any, names: Mapping[str, str]) -> str:
    """Return a result as it is kept: indented JSON with its keys in order, and placeholders."""
    return json.dumps(placeholders.put(result, names), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _write(folder: Path, made: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for case, text in made.items():
        (folder / f"{case}.json").write_text(text, encoding="utf-8")
