# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the store is, as all roles take it."""

from __future__ import annotations

import typing as t

import pytest
import role_variables
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory

URLS = ("/srv/backups", "file:///srv/backups", "file:///srv/the%20backups+more", "s3://example-backups/file:///x")


def test_the_directory_that_roles_make_is_the_one_that_the_store_is_in() -> None:
    stores: list[dict[str, t.Any]] = [{"url": url} for url in URLS]
    made = [role_variables.evaluated("settings_store_directory", lifeboat_store=store)[0] for store in stores]
    assert made == [factory.directory_of(factory.StoreSettings(**store)) or "" for store in stores]


@pytest.mark.parametrize("given", [{}, {"lifeboat_store_credentials": {}, "lifeboat_store_ca_cert": ""}])
def test_files_that_role_host_does_not_write_are_not_asked_for(given: dict[str, t.Any]) -> None:
    store = {"url": "s3://example-backups/postgresql", "ca_cert": "/etc/ssl/own.pem"}
    assert role_variables.evaluated("settings_host_store", lifeboat_store=store, **given) == [store]
