# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys that one process was given: where they are, whether they fit together, and what they can be used for."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground import disk, vaults
from ...ground.errors import KeyRefused, UsageError
from . import keyfile
from .keys import HOW_TO_MAKE_A_KEY, OpeningKey, RecoveryKey, Signer, public_key

Mode = t.Literal["single-key", "sealed-host", "reader"]

_HOW_TO_PIN = "Set roots to the root's public key (64 hexadecimal digits), which the recovery key's owner knows."


@dataclasses.dataclass(frozen=True, slots=True)
class KeySettings:
    """Where the keys are. `recovery_key_hex` is the value of BACKUP_ENCRYPTION_KEY; `roots` are public keys in hex."""

    recovery_key_file: str | None = None
    recovery_key_hex: str | None = dataclasses.field(default=None, repr=False)
    signer_file: str | None = None
    digest_key_file: str | None = None
    opening_key_file: str | None = None
    roots: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class LocalKeys:
    """Secrets at hand, the mode they make, and the public keys whose trust files count."""

    mode: Mode
    roots: frozenset[bytes]
    recovery: RecoveryKey | None = None
    opening: tuple[OpeningKey, ...] = ()
    signer: Signer | None = None
    digest_key: bytes | None = dataclasses.field(default=None, repr=False)


def read(keys: KeySettings) -> LocalKeys:
    """Read the key files. KeyRefused when one cannot be used, when they do not fit, or when there are none."""
    recovery, opening = _read_recovery(keys)
    if keys.opening_key_file:
        opening += _read_opening(keys.opening_key_file)
    signer = Signer(keyfile.read_one(keys.signer_file, "signer").secret) if keys.signer_file else None
    roots = frozenset(public_key(text, "roots") for text in keys.roots)
    if recovery is not None:
        roots = roots or frozenset({recovery.root.public})
    mode = _mode(recovery, opening, signer, roots)
    if mode == "single-key" and recovery is not None:
        signer = recovery.root
    digest_key = recovery.digest_key if recovery else None
    if keys.digest_key_file:
        digest_key = keyfile.read_one(keys.digest_key_file, "digest").secret
    return LocalKeys(mode, roots, recovery, tuple(opening), signer, digest_key)


def read_roots(path: str) -> tuple[str, ...]:
    """Return the public keys in a file with one on each line; empty lines and those that begin with # do not count."""
    text = b"".join(disk.read_blocks(path, length=1 << 16)).decode("utf-8-sig", "replace")
    vaults.refuse(text, path, "roots_file")
    roots = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    if not roots:
        raise UsageError(
            f"The file {path} contains no root.",
            "Write a root's public key (64 digits) into it.",
            field="roots_file",
        )
    return roots


def nothing_to_write_with() -> KeyRefused:
    """The answer to who would write without a key: never plaintext."""
    return KeyRefused("BACKUP_ENCRYPTION_KEY is required, or a signer file with pinned roots.", HOW_TO_MAKE_A_KEY)


def _read_opening(path: str) -> list[OpeningKey]:
    found = [OpeningKey(item.secret) for item in keyfile.read(path) if item.type == "opening"]
    if not found:
        raise KeyRefused(f"{path} contains no opening key.", "Use the file of an opening key.", path=path)
    return found


def _read_recovery(keys: KeySettings) -> tuple[RecoveryKey | None, list[OpeningKey]]:
    """The primary recovery key, and what it and its retired companions in the same file open."""
    given = RecoveryKey.from_hex(keys.recovery_key_hex) if keys.recovery_key_hex else None
    if not keys.recovery_key_file:
        return given, [given.opening] if given else []
    # Once: a pipe is empty the second time, and a file may be another one.
    records = keyfile.read(keys.recovery_key_file)
    primary = RecoveryKey(keyfile.primary(keys.recovery_key_file, records, "recovery").secret)
    if given is not None and given != primary:
        raise UsageError(
            "BACKUP_ENCRYPTION_KEY and the recovery key file contain different keys.", "Set only one of them."
        )
    return primary, [RecoveryKey(item.secret).opening for item in records if item.type == "recovery"]


def _mode(
    recovery: RecoveryKey | None, opening: list[OpeningKey], signer: Signer | None, roots: frozenset[bytes]
) -> Mode:
    if signer is not None:
        if not roots:
            raise KeyRefused("A host's signer needs a pinned root, and none is set.", _HOW_TO_PIN)
        return "sealed-host"
    if recovery is not None:
        # A recovery key whose root is not pinned opens, but nobody would believe what it signs.
        return "single-key" if recovery.root.public in roots else "reader"
    if roots:
        return "reader"
    if opening:
        raise KeyRefused("An opening key needs a pinned root, and none is set.", _HOW_TO_PIN)
    raise nothing_to_write_with()
