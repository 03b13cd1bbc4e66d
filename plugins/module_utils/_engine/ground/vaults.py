# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible vaults, where a file with a secret is wanted: they look like one, and only a controller opens them."""

from __future__ import annotations

from .errors import UsageError

MARK = "$ANSIBLE_VAULT"


def refuse(text: str, path: str, field: str = "") -> None:
    """Raise UsageError when what was read from `path` is a vault."""
    if text.lstrip("\ufeff \n").startswith(MARK):
        raise UsageError(
            f"{path} is encrypted with Ansible Vault, which cannot be read on this host.",
            f"Decrypt it into a file of mode 0600 with 'ansible-vault decrypt --output FILE {path}', and use that.",
            path=path,
            **({"field": field} if field else {}),
        )
