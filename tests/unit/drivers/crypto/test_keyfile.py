# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key files: who may read them, and what they may hold."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keyfile, keys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import AlreadyExists, KeyRefused

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def private(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("type_", keyfile.TYPES)
def test_each_type_is_made_written_and_read(tmp_path: Path, type_: str) -> None:
    made = keyfile.create(type_, NOW)
    path = tmp_path / "key"
    keyfile.write(str(path), [made])
    assert keyfile.read(str(path)) == [made]
    assert keyfile.read_one(str(path), type_) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert made.secret.hex() not in repr(made)


def test_a_key_file_is_never_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "key")
    keyfile.write(path, [keyfile.create("signer", NOW)])
    with pytest.raises(AlreadyExists):
        keyfile.write(path, [keyfile.create("signer", NOW)])


def test_bare_hex_and_paper_are_recovery_keys(tmp_path: Path, recovery: keys.RecoveryKey) -> None:
    for number, text in enumerate((recovery.hex, recovery.hex.upper() + "\n", recovery.paper())):
        found = keyfile.read(private(tmp_path / str(number), text))
        assert [(item.type, item.secret) for item in found] == [("recovery", recovery.seed)]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o660])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, recovery: keys.RecoveryKey, mode: int) -> None:
    path = private(tmp_path / "key", recovery.hex)
    os.chmod(path, mode)
    with pytest.raises(KeyRefused, match="chmod 0600"):
        keyfile.read(path)


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    for path in (str(tmp_path / "none"), str(tmp_path)):
        with pytest.raises(KeyRefused, match="cannot be read"):
            keyfile.read(path)


def record(**changes: object) -> str:
    made = keyfile.create("signer", NOW)
    fields = {
        "format": "lifeboat-key/1",
        "type": "signer",
        "kid": made.kid,
        "secret": made.secret.hex(),
        "status": "primary",
        "created": "2026-03-01T12:00:00Z",
    }
    return json.dumps([{**fields, **changes}])


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "[1]",
        "{}",
        "not a key",
        record(format="lifeboat-key/2"),
        record(type="password"),
        record(kid="0" * 16),
        record(secret="00"),
        record(status="fine"),
        record(created="yesterday"),
        record(extra=1),
        record()[:-1],
        record().replace('"type"', '"type": "signer", "type"', 1),
    ],
)
def test_a_malformed_file_is_refused_without_its_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(KeyRefused) as caught:
        keyfile.read(private(tmp_path / "key", text))
    secret = json.loads(text)[0].get("secret") if text.startswith('[{"format') and text.endswith("]") else None
    assert not secret or secret not in str(caught.value) or secret == "00"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("ends", ["", "\r\n", "\r\n\r\n \n"])
def test_what_an_editor_adds_is_no_matter(tmp_path: Path, recovery: keys.RecoveryKey, encoding: str, ends: str) -> None:
    """Notepad puts a mark before the key; PowerShell's redirection writes UTF-16."""
    path = private(tmp_path / "key", "")
    for text in (recovery.hex, json.dumps(json.loads(record()), indent=1).replace("\n", "\r\n")):
        Path(path).write_bytes((text + ends).encode(encoding))
        assert keyfile.read(path)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("$ANSIBLE_VAULT;1.1;AES256\n" + "61" * 300, "is encrypted with Ansible Vault"),
        ("\ufeff$ANSIBLE_VAULT;1.2;AES256;prod\n61", "is encrypted with Ansible Vault"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "a PEM key or certificate"),
        ("BACKUP_ENCRYPTION_KEY=" + "ab" * 32, "contains a setting"),
        ("1" * (2 << 20), "larger than 1048576 bytes"),
    ],
)
def test_what_is_taken_for_a_key_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(KeyRefused, match=named) as caught:
        keyfile.read(private(tmp_path / "key", text))
    assert caught.value.remedy
    assert "6161" not in str(caught.value)


def test_a_vault_text_in_a_variable_is_named() -> None:
    with pytest.raises(KeyRefused, match="encrypted with Ansible Vault"):
        keys.RecoveryKey.from_hex("$ANSIBLE_VAULT;1.1;AES256\n6162")


def test_one_primary_key_of_the_type_is_needed(tmp_path: Path) -> None:
    path = str(tmp_path / "key")
    keyfile.write(path, [keyfile.create("signer", NOW), keyfile.create("signer", NOW)])
    for type_ in ("signer", "opening"):
        with pytest.raises(KeyRefused, match=f"{type_} keys"):
            keyfile.read_one(path, type_)
