# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key file of BIND gives one key, and an error about it never quotes it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns import keyfile
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import KeyRefused, UsageError

if t.TYPE_CHECKING:
    from pathlib import Path

SECRET = "c2VzYW1lL3Nlc2FtZS8vb3BlbisrMTIzNDU2Nzg5MDE="
WRITTEN = f'key "lifeboat" {{\n\talgorithm hmac-sha256;\n\tsecret "{SECRET}";\n}};\n'


def write(path: Path, text: str, mode: int = 0o600) -> str:
    path.touch()
    path.chmod(mode)
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    "text",
    [
        WRITTEN,
        f'# for "db1"\n/* key "old" {{ }}; */ key Lifeboat. {{ secret "{SECRET}"; algorithm HMAC-SHA256; }}; // end',
    ],
)
def test_the_key_is_read(tmp_path: Path, text: str) -> None:
    key = keyfile.read(write(tmp_path / "key", text))
    assert (key.name, key.algorithm, key.secret) == ("lifeboat", "hmac-sha256", SECRET)
    assert SECRET not in repr(key)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "contains no key"),
        (WRITTEN * 2, "contains 2 keys instead of one"),
        (WRITTEN.replace("sha256", "md5"), "has none of the algorithms hmac-sha1, "),
        (WRITTEN.replace("algorithm hmac-sha256;", ""), "has none of the algorithms"),
        (WRITTEN.replace(SECRET, SECRET[:-3]), "has a secret that is not base64"),
        (WRITTEN.replace(f'secret "{SECRET}";', ""), "has a secret that is not base64"),
    ],
)
def test_another_file_is_refused_without_its_content(tmp_path: Path, text: str, cause: str) -> None:
    with pytest.raises(KeyRefused, match=cause) as refused:
        keyfile.read(write(tmp_path / "key", text))
    assert SECRET[:10] not in str(refused.value)
    assert "tsig-keygen" in refused.value.remedy


def test_a_file_of_others_a_missing_one_and_a_vault_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyRefused, match=r"accessible to users other than its owner .mode 0640"):
        keyfile.read(write(tmp_path / "open", WRITTEN, 0o640))
    with pytest.raises(KeyRefused, match="No such file"):
        keyfile.read(str(tmp_path / "none"))
    with pytest.raises(UsageError, match="encrypted with Ansible Vault"):
        keyfile.read(write(tmp_path / "vault", "$ANSIBLE_VAULT;1.1;AES256\n6162\n"))
