# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
One flipped bit in every byte of a file of two segments: flips.py [--last 262144] [--every 1]

The file is sealed as a backup's member is: its head, a first segment of 1 MiB, and a last one of `--last` bytes. Each
changed file is opened with its key; nothing of the changed segment may come out. Ends with 1 when anything did. With
all bytes it is more than a million openings: some twenty minutes on one core.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
importlib.import_module("conftest")  # makes the collection importable
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keys, lbx
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.opener import KeyOpener
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import KeyRefused, Tampered

NAME = "shop/data/backup-20261120T100000Z-0123456789abcdef/0002.lbx"
SEGMENT = 1 << 20


def main() -> int:
    parser = argparse.ArgumentParser(description="Flip a bit in every byte of a sealed file.")
    parser.add_argument("--last", type=int, default=SEGMENT // 4, help="bytes in the last segment (%(default)s)")
    parser.add_argument("--every", type=int, default=1, help="only every so many bytes (%(default)s)")
    options = parser.parse_args()
    key = keys.RecoveryKey.generate()
    plain = os.urandom(SEGMENT + options.last)
    sealed = b"".join(lbx.SealedFile(NAME, iter([plain]), lbx.Writer((key.opening.recipient,), key.root)))
    expected = lbx.Expected(NAME, frozenset([key.root.public]))
    opener = KeyOpener([key.opening])
    print(f"{len(sealed)} bytes", flush=True)
    return 1 if _flip_all(sealed, options.every, expected, opener) else 0


def _flip_all(sealed: bytes, every: int, expected: lbx.Expected, opener: KeyOpener) -> int:
    changed = bytearray(sealed)
    head, _rest = lbx.read_head(iter([sealed]))
    second = len(head.raw) + SEGMENT
    wrong = tried = 0
    began = time.monotonic()
    for position in range(0, len(sealed), every):
        changed[position] ^= 1 << (position % 8)
        released, refused = _until_refused([bytes(changed)], expected, opener)
        changed[position] ^= 1 << (position % 8)
        # The first segment may come out only where the change lies behind it.
        allowed = SEGMENT if position >= second else 0
        tried += 1
        if not refused or sum(map(len, released)) > allowed:
            wrong += 1
            print(f"WRONG: bit {position % 8} of byte {position}", flush=True)
        if tried % 100_000 == 0:
            print(f"{tried} flips, {wrong} wrong, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{tried} flips, {wrong} wrong, {time.monotonic() - began:.0f} s", flush=True)
    return wrong


def _until_refused(chunks: list[bytes], expected: lbx.Expected, opener: t.Any) -> tuple[list[bytes], bool]:
    """Open the file and give what came out, and whether it was refused in the end."""
    released: list[bytes] = []
    try:
        released.extend(lbx.open_file(iter(chunks), expected, opener))
    except (Tampered, KeyRefused):
        return released, True
    return released, False


if __name__ == "__main__":
    sys.exit(main())
