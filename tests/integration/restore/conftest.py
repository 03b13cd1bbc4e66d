# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every test of a restore needs: a request, and a database with a backup of it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import restore_fakes
from restoring import Restorer


@pytest.fixture
def restorer(cluster: t.Any, tmp_path: Path) -> t.Iterator[Restorer]:
    made = Restorer(cluster(), tmp_path)
    before = made.databases()
    yield made
    for name in made.databases() - before:
        made.cluster.drop(name)


@pytest.fixture(scope="session")
def shop_backup(cluster: t.Any) -> restore_fakes.Backup:
    """A backup of a small shop, its two large tables as members of their own."""
    server = cluster()
    server.create("shop_source")
    server.execute(restore_fakes.SHOP, "shop_source")
    made = restore_fakes.back_up(server, "shop_source", threshold=200_000)
    server.drop("shop_source")
    return made


@pytest.fixture
def shop(restorer: Restorer) -> str:
    """The live database `shop`, with other data than in the backup."""
    restorer.cluster.drop("shop")
    restorer.cluster.create("shop")
    restorer.sql("CREATE TABLE live (x int); INSERT INTO live VALUES (1)", "shop")
    return "shop"


@pytest.fixture
def place() -> t.Iterator[Path]:
    """A directory for scratch clusters, empty again in the end."""
    directory = Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp"))
    yield directory
    left = list(directory.iterdir())
    shutil.rmtree(directory)
    assert left == []
