# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A vault where a file with a secret is wanted is called one, whatever it was given for."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.channels import address
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    Login,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import local_keys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import aws_credentials
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError

if t.TYPE_CHECKING:
    from pathlib import Path

OPTIONS = aws_credentials.Options("credentials_file", "profile")
READERS: dict[str, t.Callable[[str], t.Any]] = {
    "roots": local_keys.read_roots,
    "password": lambda path: Login(password_file=path).secret(),
    "credentials": lambda path: aws_credentials.from_file(path, "default", OPTIONS),
    "url": lambda path: address.read_secret(path, "channel"),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_vault_is_called_a_vault(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "given"
    path.touch(0o600)
    path.write_text("$ANSIBLE_VAULT;1.1;AES256\n" + "3438653832\n" * 20)
    with pytest.raises(UsageError, match="is encrypted with Ansible Vault"):
        READERS[reader](str(path))
