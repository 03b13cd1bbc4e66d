# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The door for those who put, get and list objects, and want no more: it opens a store in a third of the time.

Who deletes, or looks for what was deleted, goes through the other one (factory.py): a bucket may have versions.
"""

from __future__ import annotations

import typing as t

from .directory import DirectoryStore
from .object_store import ObjectStore
from .s3 import addressing
from .settings import directory_of

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .base import Store
    from .settings import Patience, StoreSettings


def open_plain(settings: StoreSettings, *, environ: Mapping[str, str], patience: Patience) -> Store:
    """Open the store that `settings` name, without its versions. Raise UsageError as `factory.open_store`."""
    if directory := directory_of(settings):
        return DirectoryStore(directory)
    return ObjectStore(addressing.dialect(settings, environ), patience)
