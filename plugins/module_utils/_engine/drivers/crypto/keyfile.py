# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Key files: JSON lists of keys, readable by their owner only. A bare line of 64 hex digits is a
recovery key, and so is the text of its sheet of paper.
"""

from __future__ import annotations

import codecs
import dataclasses
import os
import re
import stat
import typing as t
from datetime import UTC, datetime

from ...ground import vaults
from ...ground.disk import write_atomically
from ...ground.errors import KeyRefused, Tampered
from . import primitives, strict_json
from .keys import DIGEST, HOW_TO_MAKE_A_KEY, VAULT_REMEDY, OpeningKey, RecoveryKey, Signer, kid

if t.TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT = "lifeboat-key/1"
TYPES = ("recovery", "opening", "signer", "digest")
STATUSES = ("primary", "enabled", "retired", "compromised")
LIMIT = 1 << 20

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_SECRET = re.compile(r"[0-9a-f]{64}")
_FIELDS = {"format": str, "type": str, "kid": str, "secret": str, "status": str, "created": str}

_FOREIGN = {
    vaults.MARK: ("is encrypted with Ansible Vault", VAULT_REMEDY),
    "-----BEGIN": ("is a PEM key or certificate, not a backup key", HOW_TO_MAKE_A_KEY),
    "age-encryption": ("is an age file, not a backup key", HOW_TO_MAKE_A_KEY),
    "BACKUP_ENCRYPTION_KEY": ("contains a setting, not just the key", "Keep only the 64 digits in it."),
}
"""What people take for a key file, by how it begins."""


@dataclasses.dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key with its history. `created` is None for a bare hex key, which carries no history."""

    type: str
    kid: str
    secret: bytes = dataclasses.field(repr=False)
    status: str = "primary"
    created: datetime | None = None


def record(type_: str, secret: bytes, *, status: str = "primary", created: datetime | None = None) -> KeyRecord:
    """A record for this secret, named by its kid."""
    return KeyRecord(type_, key_id(type_, secret), secret, status, created)


def create(type_: str, now: datetime) -> KeyRecord:
    """A random key of this type."""
    makers = {
        "recovery": lambda: RecoveryKey.generate().seed,
        "opening": lambda: OpeningKey.generate().secret,
        "signer": lambda: Signer.generate().secret,
        "digest": lambda: os.urandom(primitives.KEY_BYTES),
    }
    return record(type_, makers[type_](), created=now)


def key_id(type_: str, secret: bytes) -> str:
    """The kid of a secret: a recovery key goes by the recipient that it opens for."""
    if type_ == "recovery":
        return RecoveryKey(secret).opening.recipient.kid
    if type_ == "opening":
        return OpeningKey(secret).recipient.kid
    if type_ == "signer":
        return Signer(secret).kid
    return kid(DIGEST, primitives.hkdf(secret, b"lifeboat v1 digest kid"))


def read(path: str) -> list[KeyRecord]:
    """The keys in the file at `path`. KeyRefused when others can read it, or when it holds no keys."""
    text = _text(path, _read_private(path))
    if not text.startswith("["):
        return [record("recovery", _bare(path, text).seed)]
    try:
        items = strict_json.loads(text.encode(), limit=LIMIT)
        records = [_parse(item) for item in t.cast("list[object]", items)]
    except (Tampered, ValueError) as exc:
        raise KeyRefused(f"{path} is not a key file.", HOW_TO_MAKE_A_KEY, path=path) from exc
    if not records:
        raise KeyRefused(f"{path} contains no keys.", HOW_TO_MAKE_A_KEY, path=path)
    return records


def read_one(path: str, type_: str) -> KeyRecord:
    """Return the primary key of this type in the file at `path`. Raise KeyRefused as `read`, or when it lacks one."""
    return primary(path, read(path), type_)


def primary(path: str, records: Sequence[KeyRecord], type_: str) -> KeyRecord:
    """Return the primary key of this type among those of the file at `path`. Raise KeyRefused when there is none."""
    found = [item for item in records if item.type == type_ and item.status == "primary"]
    if len(found) != 1:
        raise KeyRefused(
            f"{path} holds {len(found) or 'no'} {type_} keys with the status primary, and must contain exactly one.",
            "Use the file that was made for this purpose.",
            path=path,
        )
    return found[0]


def write(path: str, records: Sequence[KeyRecord]) -> None:
    """Create the file at `path`, readable by its owner only. AlreadyExists if there is one: keys are not replaced."""
    items = [
        {
            "format": FORMAT,
            "type": item.type,
            "kid": item.kid,
            "secret": item.secret.hex(),
            "status": item.status,
            "created": item.created.astimezone(UTC).strftime(_TIME) if item.created else "",
        }
        for item in records
    ]
    write_atomically(path, [strict_json.dumps(items) + b"\n"], mode=0o600, replace=False)


def _parse(value: object) -> KeyRecord:
    fields = strict_json.take(value, _FIELDS, what="A key")
    known = fields["format"] == FORMAT and fields["type"] in TYPES and fields["status"] in STATUSES
    if not known or not _SECRET.fullmatch(fields["secret"]):
        raise Tampered("A key is malformed.")
    created = datetime.strptime(fields["created"], _TIME).replace(tzinfo=UTC) if fields["created"] else None
    secret = bytes.fromhex(fields["secret"])
    if key_id(fields["type"], secret) != fields["kid"]:
        raise Tampered("A key's kid does not match its secret.")
    return KeyRecord(fields["type"], fields["kid"], secret, fields["status"], created)


def _read_private(path: str) -> bytes:
    """The file's bytes, unless somebody else could have read them too. The open file is asked, not its name."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            state = os.fstat(handle)
            if stat.S_ISREG(state.st_mode) and state.st_mode & 0o077:
                raise KeyRefused(
                    f"{path} is accessible to users other than its owner (mode {stat.S_IMODE(state.st_mode):04o}).",
                    f"Run chmod 600 {path}, and consider who may have read it.",
                    path=path,
                )
            return file.read(LIMIT + 1)
    except OSError as exc:
        raise KeyRefused(
            f"The key file {path} cannot be read: {exc.strerror}.", "Correct the path or its owner.", path=path
        ) from exc


def _text(path: str, data: bytes) -> str:
    """
    What an editor left of a key file, without what editors add: a byte order mark, UTF-16, line ends of Windows.

    What is of another kind is named: its length alone, 613 characters say, tells nobody anything.
    """
    if len(data) > LIMIT:
        raise KeyRefused(f"{path} is larger than {LIMIT} bytes, so it is not a key file.", HOW_TO_MAKE_A_KEY, path=path)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    else:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-8-sig"
    text = data.decode(encoding, "replace").strip()
    for mark, (what, remedy) in _FOREIGN.items():
        if text.startswith(mark):
            raise KeyRefused(f"{path} {what}.", remedy, path=path)
    return text


def _bare(path: str, text: str) -> RecoveryKey:
    """A recovery key as people type it: 64 digits, or the sheet of paper with its check digits."""
    try:
        return RecoveryKey.from_paper(text) if len(re.sub(r"[\s-]", "", text)) == 72 else RecoveryKey.from_hex(text)
    except KeyRefused as exc:
        raise KeyRefused(f"{path}: {exc.cause}", exc.remedy, path=path) from exc
