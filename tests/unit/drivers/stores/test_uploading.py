# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A write counts when the store gives it back; for those who may only write, when the store shows its size."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import ObjectInfo
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.downloading import cut_out
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.uploading import Written, confirm
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import AccessDenied, StoreError

if t.TYPE_CHECKING:
    from collections.abc import Iterator

AT = datetime(2026, 11, 29, tzinfo=UTC)


class Credentials:
    """A store of one object, for credentials that may do `allowed`."""

    url = "s3://bucket"

    def __init__(self, data: bytes, *allowed: str) -> None:
        self._data = data
        self._allowed = allowed
        self.asked: list[str] = []

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        self._ask("get")
        yield self._data[start : None if length is None else start + length]

    def head(self, name: str) -> ObjectInfo:
        self._ask("head")
        return ObjectInfo(name, len(self._data), AT)

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        self._ask("list")
        yield ObjectInfo(prefix, len(self._data), AT)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what not in self._allowed:
            raise AccessDenied(f"No {what}.", "")


def check(store: Credentials, written: bytes, whole: bool = True) -> None:
    ends = Written(len(written), written[:4], written[-4:])
    confirm(t.cast("t.Any", store), "a", ends, whole=lambda: whole, right="s3:ListBucket")


@pytest.mark.parametrize("allowed", [("get", "head"), ("head",), ("list",)])
def test_each_is_asked_what_he_may_know(allowed: tuple[str, ...]) -> None:
    check(Credentials(b"0123456789", *allowed), b"0123456789")
    with pytest.raises(StoreError, match="shows 9 bytes"):
        check(Credentials(b"012345678", *allowed), b"0123456789")


def test_who_may_neither_read_nor_list_cannot_say_that_it_is_written() -> None:
    with pytest.raises(AccessDenied, match=r"neither read nor list it.*Allow them s3:ListBucket"):
        check(Credentials(b"0123456789"), b"0123456789")


@pytest.mark.parametrize("damaged", [b"x123456789", b"012345678x"])
def test_both_ends_are_compared(damaged: bytes) -> None:
    with pytest.raises(StoreError, match="returns other bytes"):
        check(Credentials(damaged, "get", "head"), b"0123456789")


def test_an_end_that_costs_all_is_left_out() -> None:
    check(Credentials(b"012345678x", "get", "head"), b"0123456789", whole=False)


def test_no_more_is_read_than_is_wanted() -> None:
    """A store that sends without end cannot hold a reader who wants ten bytes."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b"0123456789"

    assert b"".join(cut_out("a", endless(), 1 << 60, 5, 10)) == b"5678901234"
    with pytest.raises(StoreError, match="only a part"):
        list(cut_out("a", [b"0123"], 10, 2, None))
