# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys and files that the tests of the encryption share."""

from __future__ import annotations

import functools
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keys, lbx, opener, stream

SMALL_SEGMENT = 128


@pytest.fixture(scope="session")
def recovery() -> keys.RecoveryKey:
    return keys.RecoveryKey(bytes(range(100, 132)))


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> int:
    """Makes files of 128-byte segments, so that every byte and every length can be tried."""
    monkeypatch.setattr(stream, "encrypt", functools.partial(stream.encrypt, segment=SMALL_SEGMENT))
    monkeypatch.setattr(stream, "decrypt", functools.partial(stream.decrypt, segment=SMALL_SEGMENT))
    return SMALL_SEGMENT


@pytest.fixture
def seal(recovery: keys.RecoveryKey) -> t.Callable[..., bytes]:
    """Makes a file of one application, signed and opened by `recovery`."""

    def make(plaintext: bytes, name: str = "shop/data/x/0001.lbx", **options: t.Any) -> bytes:
        writer = options.pop("writer", lbx.Writer((recovery.opening.recipient,), recovery.root))
        return b"".join(lbx.SealedFile(name, [plaintext], writer, **options))

    return make


@pytest.fixture
def open_(recovery: keys.RecoveryKey) -> t.Callable[..., bytes]:
    """Opens such a file to its end."""

    def read(data: bytes, name: str | None = "shop/data/x/0001.lbx", **expected: t.Any) -> bytes:
        expected.setdefault("signers", frozenset({recovery.root.public}))
        found = expected.pop("opener", None) or opener.KeyOpener([recovery.opening])
        return b"".join(lbx.open_file([data], lbx.Expected(name, **expected), found))

    return read
