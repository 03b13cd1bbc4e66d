# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the settings that people write to a bucket that works, and to the store in it."""

from __future__ import annotations

import typing as t

from ..object_store import ObjectStore
from ..settings import Patience, bad_url
from . import addressing
from .control import Control
from .versioned import VersionedStore

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ..settings import StoreSettings


def open_store(
    settings: StoreSettings, *, environ: Mapping[str, str], patience: Patience, thorough: bool
) -> VersionedStore:
    """Open the bucket's store that `settings` name, as `stores.factory.open_store` does."""
    control = open_control(settings, environ=environ, patience=patience)
    return VersionedStore(ObjectStore(addressing.dialect(settings, environ), patience), control, thorough=thorough)


def open_control(settings: StoreSettings, *, environ: Mapping[str, str], patience: Patience | None = None) -> Control:
    """Open the bucket itself that `settings` name. Raise UsageError when the store is no bucket of S3."""
    if not settings.url.startswith("s3://"):
        raise bad_url("The store is not an S3 bucket, and only buckets can be protected.", "Use s3://bucket/prefix.")
    return Control(
        addressing.bucket(settings),
        addressing.credentials(settings, environ),
        patience or Patience(),
        authority=settings.ca_cert,
        metadata=environ.get("AWS_METADATA_ENDPOINT"),
    )
