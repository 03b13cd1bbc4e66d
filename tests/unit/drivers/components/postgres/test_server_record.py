# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of a server that is read back is what it has to be, whoever wrote it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    server_record,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError

SERVER: dict[str, t.Any] = {
    "version": "17.6",
    "major": 17,
    "package": "Debian 17.6-1",
    "checksums": True,
    "wal_segment_size": 16 << 20,
    "shared_buffers": 128 << 20,
    "encoding": "UTF8",
    "provider": "c",
    "collate": "de_DE.UTF-8",
    "ctype": "de_DE@euro",
    "locale": None,
    "icu_rules": None,
    "locales": ["C", "de_DE.UTF-8"],
    "settings": {"work_mem": "8MB"},
    "left_out": ["port"],
    "hba": [
        {
            "type": "local",
            "databases": ["all"],
            "users": ["all"],
            "address": None,
            "netmask": None,
            "method": "peer",
            "options": [],
        }
    ],
    "extensions": {"plpgsql": "1.0"},
    "missing": [],
}


def test_a_record_is_read_as_it_was_written() -> None:
    record = server_record.ServerRecord.of({"server": SERVER})
    assert (record.major, record.settings, record.hba) == (17, SERVER["settings"], SERVER["hba"])


@pytest.mark.parametrize(
    "change",
    [
        {"major": "17"},
        {"major": True},
        {"version": "--help"},
        {"collate": "-x"},
        {"ctype": "de_DE; rm"},
        {"encoding": "UTF8 --x"},
        {"provider": "x"},
        {"locales": ["../../etc"]},
        {"settings": {"work_mem": 8}},
        {"settings": []},
        {"hba": [{"type": "local"}]},
        {"hba": [{**SERVER["hba"][0], "users": "all"}]},
        {"extensions": {"x": None}},
        {"checksums": 1},
        {"more": 1},
    ],
)
def test_another_shape_is_refused(change: dict[str, t.Any]) -> None:
    with pytest.raises(UsageError, match="as this version does not know it"):
        server_record.ServerRecord.of({"server": {**SERVER, **change}})


def test_a_backup_that_tells_of_no_server_says_so() -> None:
    for recorded in ({}, {"server": None}):
        with pytest.raises(UsageError, match="does not record its server"):
            server_record.ServerRecord.of(recorded)
    with pytest.raises(UsageError):
        server_record.ServerRecord.of({"server": {name: value for name, value in SERVER.items() if name != "hba"}})
