# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stolen host can sign what it likes: a small object that stands for a huge one, or nested JSON, hurts no reader."""

from __future__ import annotations

import dataclasses
import itertools
import json
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import lbx
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import codec, streams
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import storing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import (
    catalogue,
    stored_backup,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from sample_host import SampleHost

MIB = 1 << 20


def compressed(blocks: Iterable[bytes]) -> bytes:
    return b"".join(codec.compress(streams.Peekable(blocks), codec.Codec.parse("zstd")))


def forged(sample: SampleHost, member: str, data: bytes, plain_size: int) -> stored_backup.Backup:
    """Return a backup whose signer put `data` into a member and wrote `plain_size` into the manifest."""
    identity = sample.back_up()
    opened = catalogue.open_repository(sample.settings, sample.world())
    backup = opened.read("main/shop", identity)
    name = repository.detail("shop", identity, member)
    sealed = lbx.SealedFile(name, iter([data]), opened.trusted_keys.writer("main/shop", sample.now))
    opened.store.put(name, iter(sealed))
    files = tuple(
        dataclasses.replace(
            file, size=sealed.size, sha256=sealed.sha256, head_sha256=sealed.head_sha256, plain_size=plain_size
        )
        if file.member == member
        else file
        for file in backup.manifest.files
    )
    return dataclasses.replace(backup, manifest=dataclasses.replace(backup.manifest, files=files))


def test_no_more_comes_out_than_may() -> None:
    bomb = compressed(itertools.repeat(bytes(MIB), 300))
    assert len(bomb) < MIB
    plain = codec.decompress([bomb], limit=2 * MIB)
    assert [len(next(plain)), len(next(plain))] == [MIB, MIB]
    with pytest.raises(Tampered, match="contains more data than expected"):
        next(plain)
    assert b"".join(codec.decompress([compressed([b"abc"])], limit=3)) == b"abc"


def test_a_record_is_never_larger_than_its_signed_size(sample: SampleHost) -> None:
    backup = forged(sample, "detail", compressed(itertools.repeat(b" " * MIB, 600)), plain_size=MIB)
    with pytest.raises(Tampered, match="contains more data than expected"):
        backup.detail()


def test_a_signed_size_beyond_all_need_is_refused_before_a_byte_is_read(sample: SampleHost) -> None:
    backup = forged(sample, "detail", b"", plain_size=stored_backup.RECORD_BYTES + 1)
    with pytest.raises(Tampered, match="more than the limit"):
        backup.detail()


@pytest.mark.parametrize(
    "text", [b"[" * 200_000 + b"]" * 200_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000, b"[]", b"{", b"\xff"]
)
def test_what_is_no_record_is_refused_and_no_crash(sample: SampleHost, text: bytes) -> None:
    backup = forged(sample, "detail", compressed([text]), plain_size=len(text))
    with pytest.raises(Tampered, match="not valid JSON"):
        backup.detail()


def test_a_writer_does_not_store_what_readers_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "RECORD_BYTES", 100)
    nothing = t.cast("t.Any", None)
    files = storing.BackupFiles(
        nothing, "shop", "backup", nothing, nothing, component="main/shop", attempt=1, progress=nothing, phases=nothing
    )
    with pytest.raises(UsageError, match="more than the limit of 100"):
        files.record("detail", json.loads(json.dumps({"tables": list(range(100))})))
