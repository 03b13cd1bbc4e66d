# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A listing is complete, whatever stands where it ends."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3.complete import (
    CompleteListing,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import InconsistentStore


class Hiding:
    """A store that shows nothing, and its control, which tells of a page of folders and then of an object."""

    url = "s3://bucket"
    prefix = ""

    def list(self, _prefix: str, _after: str = "") -> t.Iterator[t.Any]:
        yield from ()

    def pages(self, *_given: t.Any, **_more: t.Any) -> t.Iterator[dict[str, t.Any]]:
        yield {"Contents": [{"Key": f"{number:03}/"} for number in range(100)], "IsTruncated": True}
        yield {"Contents": [{"Key": "shop"}], "IsTruncated": False}


def test_a_page_of_folders_does_not_end_a_listing() -> None:
    store: t.Any = Hiding()
    with pytest.raises(InconsistentStore, match="lists less"):
        list(CompleteListing(store, store, thorough=True).list(""))
