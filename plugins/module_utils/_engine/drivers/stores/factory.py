# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door to all stores: from the settings that people write to a store that works."""

from __future__ import annotations

import typing as t

from ...ground.errors import UsageError
from .directory import DirectoryStore
from .dry_run import DryRunStore
from .s3 import addressing
from .s3 import factory as s3
from .settings import Patience, StoreSettings, directory_of

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .base import Store

__all__ = ["Patience", "StoreSettings", "directory_of", "identity", "open_store", "settings_of"]


def settings_of(options: Mapping[str, t.Any], environ: Mapping[str, str]) -> StoreSettings:
    """Return what people wrote as a store; where a bucket is, the environment tells as far as they did not."""
    return addressing.addressed(StoreSettings(**options), environ)


def open_store(
    settings: StoreSettings,
    *,
    environ: Mapping[str, str],
    dry_run: bool = False,
    patience: Patience | None = None,
    thorough: bool = False,
) -> Store:
    """
    Open the store that `settings` name; nothing is sent to it yet.

    In a dry run its writes vanish; `thorough` is for those who delete because of what it lists. Raise UsageError when
    the settings make no sense, without repeating a URL that may hold a password.
    """
    store: Store
    if directory := directory_of(settings):
        store = DirectoryStore(directory)
    else:
        store = s3.open_store(settings, environ=environ, patience=patience or Patience(), thorough=thorough)
    return DryRunStore(store) if dry_run else store


def identity(settings: StoreSettings) -> str:
    """
    Return what tells one store from another in a host's memory, whatever its URL is written like.

    A bucket's name may exist once at each endpoint. Settings that make no sense are refused by `open_store`, not here.
    """
    try:
        if directory := directory_of(settings):
            return f"file://{directory}"
        return addressing.identity(settings)
    except UsageError:
        return settings.url
