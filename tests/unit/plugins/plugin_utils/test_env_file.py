# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Environment files: values are set in their places, other lines stay, and what readers read differently is refused."""

from __future__ import annotations

import subprocess
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.plugin_utils import _env_file


def test_values_are_set_in_their_places_and_other_lines_stay() -> None:
    text = "# the shop\nPORT=80\nexport NAME = old\nOTHER='a b'\nPORT=81\n"
    merged, changed = _env_file.merged(text, {"PORT": "8000", "NAME": "shop", "URL": "postgresql://db1/shop?a=b"})
    assert merged == "# the shop\nPORT=8000\nNAME=shop\nOTHER='a b'\nURL=postgresql://db1/shop?a=b\n"
    assert changed == ["PORT", "NAME", "URL"]


@pytest.mark.parametrize("text", ["PORT=8000\n", "A=1\nPORT=8000\n\n# end\n"])
def test_what_is_set_already_changes_nothing(text: str) -> None:
    assert _env_file.merged(text, {"PORT": "8000"}) == (text, [])


@pytest.mark.parametrize("value", ["a\nb", "it's", "a\\b", None, ["a"]])
def test_what_readers_take_differently_is_refused(value: t.Any) -> None:
    with pytest.raises(UsageError, match=r"config\.set\.A"):
        _env_file.checked({"A": value}, "config.set")


@pytest.mark.parametrize("name", ["A B", "1A", "A=B", ""])
def test_a_name_is_one(name: str) -> None:
    with pytest.raises(UsageError, match="no name of a variable"):
        _env_file.checked({name: "x"}, "config.set")


@pytest.mark.parametrize(
    "value", ["plain", "two words", 'say "hi"', "# no comment", "$HOME", "", "a;b", "ünï", "p@$$#! x"]
)
def test_a_shell_reads_a_quoted_value_as_it_is(value: str) -> None:
    """A shell is the strictest reader; what it leaves alone, the others do."""
    line, _changed = _env_file.merged("", {"A": value})
    if "'" in line:
        read = subprocess.run(
            ["sh", "-c", f'{line}\nprintf %s "$A"'], capture_output=True, text=True, check=True
        ).stdout
        assert read == value
    else:
        assert line == f"A={value}\n"


def test_truth_is_written_as_yaml_has_it() -> None:
    assert _env_file.checked({"A": True, "B": 8000}, "set") == {"A": "true", "B": "8000"}
