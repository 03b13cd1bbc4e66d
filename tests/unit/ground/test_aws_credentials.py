# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Credentials of AWS come from where the caller says, under the names that the caller has for its options."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import aws_credentials
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.aws_credentials import (
    Credentials,
    Options,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError

if t.TYPE_CHECKING:
    from pathlib import Path

OPTIONS = Options("key_file", "profile")


def write(path: Path, text: str) -> str:
    path.touch(0o600)
    path.write_text(text)
    return str(path)


def test_credentials_do_not_show() -> None:
    assert "s3cr3t" not in repr(Credentials("AKID", "s3cr3t", "s3cr3t"))


def test_a_named_file_counts_before_the_environment_and_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "file", "[dns]\naws_access_key_id = AKID\naws_secret_access_key = one\n")
    environ = {"AWS_ACCESS_KEY_ID": "OTHER", "AWS_SECRET_ACCESS_KEY": "other"}
    found = aws_credentials.chosen(path, "dns", environ, OPTIONS)
    assert found
    assert found() == Credentials("AKID", "one")
    write(tmp_path / "file", "[dns]\naws_access_key_id = AKID\naws_secret_access_key = two\n")
    assert found().secret_key == "two"
    others = aws_credentials.chosen(None, None, environ, OPTIONS)
    assert others
    assert others() == Credentials("OTHER", "other")
    assert aws_credentials.chosen(None, None, {}, OPTIONS) is None  # the machine's own role


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[default]\n", r"has no profile dns\. Add it, or set profile"),
        ("[dns]\naws_access_key_id = AKID\n", "lacks aws_access_key_id or aws_secret_access_key"),
        ("nonsense", "is not an INI file"),
    ],
)
def test_a_mistake_in_the_file_is_told_by_the_options_of_the_caller(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as refused:
        aws_credentials.chosen(write(tmp_path / "file", text), "dns", {}, OPTIONS)
    assert refused.value.details["field"] == "key_file"
