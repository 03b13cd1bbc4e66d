# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same store twice: as a directory and as a bucket. What passes here may be relied on everywhere."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.settings import Patience

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "rig" / "s3"))

from faultproxy import FaultProxy

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import Store

IMPATIENT = Patience(connect=2, request=2, retries=3, retrying=10)
"""So that a stalled request costs a test two seconds."""


@pytest.fixture(params=["directory", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> factory.StoreSettings:
    """Return an empty store's settings."""
    if request.param == "directory":
        root = tmp_path / "store"
        root.mkdir()
        return factory.StoreSettings(f"file://{root}")
    found: factory.StoreSettings = request.getfixturevalue("s3").settings(f"test/{secrets.token_hex(6)}")
    return found


@pytest.fixture
def store(settings: factory.StoreSettings) -> Store:
    return factory.open_store(settings, environ={})


@pytest.fixture
def proxy(s3: t.Any) -> Iterator[FaultProxy]:
    host, _colon, port = s3.endpoint.removeprefix("http://").partition(":")
    proxy = FaultProxy((host, int(port)))
    yield proxy
    proxy.close()


@pytest.fixture
def behind_proxy(s3: t.Any, proxy: FaultProxy) -> Store:
    """Return an empty store that is reached through the proxy, and gives up soon."""
    settings = s3.settings(f"test/{secrets.token_hex(6)}", endpoint=proxy.endpoint)
    return factory.open_store(settings, environ={}, patience=IMPATIENT)


@pytest.fixture
def direct(s3: t.Any, behind_proxy: Store) -> Store:
    """Return the store of `behind_proxy`, reached without the proxy."""
    prefix = behind_proxy.url.removeprefix(f"s3://{s3.bucket}/")
    return factory.open_store(s3.settings(prefix), environ={})


@pytest.fixture
def child_environment() -> dict[str, str]:
    """Return what a Python child process needs to import the collection."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.fixture
def unused_port() -> Callable[[], int]:
    def find() -> int:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return int(server.getsockname()[1])

    return find
