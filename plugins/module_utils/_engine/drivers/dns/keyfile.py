# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file of a key that signs messages to a DNS server, as tsig-keygen and ddns-confgen of BIND write it."""

from __future__ import annotations

import base64
import binascii
import re

from ...ground import private_files, vaults
from ...ground.errors import KeyRefused
from .messages import Key

ALGORITHMS = ("hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512")

FIELD = "key_file"
LIMIT = 64 << 10

_TEXT_OR_COMMENT = re.compile(r'("[^"]*")|/\*.*?\*/|(?://|#)[^\n]*', re.DOTALL)
_KEY = re.compile(r'key\s+"?([\w.-]+)"?\s*\{([^{}]*)\}\s*;')
_SETTING = re.compile(r'(algorithm|secret)\s+"?([^\s";]+)"?\s*;')


def read(path: str) -> Key:
    """Return the one key in the file. Raise KeyRefused, without a word of what is in it, when it cannot be used."""
    data = private_files.read(path, f"The key file {path}", LIMIT, error=KeyRefused, field=FIELD)
    text = data.decode("utf-8", "replace")
    vaults.refuse(text, path, FIELD)
    found = _KEY.findall(_without_comments(text))
    if len(found) != 1:
        raise _refused(path, "contains no key" if not found else f"contains {len(found)} keys instead of one")
    name, body = found[0]
    settings = dict(_SETTING.findall(body))
    algorithm, secret = settings.get("algorithm", "").lower(), settings.get("secret", "")
    if algorithm not in ALGORITHMS:
        raise _refused(path, f"has none of the algorithms {', '.join(ALGORITHMS)}")
    if not _is_base64(secret):
        raise _refused(path, "has a secret that is not base64")
    return Key(name.lower().rstrip("."), algorithm, secret)


def _without_comments(text: str) -> str:
    # A secret in base64 may hold two slashes: what stands in quotes is no comment.
    return _TEXT_OR_COMMENT.sub(lambda found: found[1] or " ", text)


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False


def _refused(path: str, why: str) -> KeyRefused:
    return KeyRefused(
        f"The key file {path} {why}.", "Use the output of tsig-keygen NAME, which BIND includes too.", field=FIELD
    )
