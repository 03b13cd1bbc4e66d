# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be a way into a zone is refused by the name of its option, before anybody is asked."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns import factory, messages
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns.factory import ZoneSettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    DnsError,
    MissingLibrary,
    RecoveryError,
)

if t.TYPE_CHECKING:
    from pathlib import Path

SETTINGS = ZoneSettings("shop.example", server="192.0.2.53", key_file="/nowhere/dns.key")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"driver": "cloudflare"}, "driver"),
        ({"zone": "shop example"}, "zone"),
        ({"server": None}, "server"),
        ({"key_file": None}, "key_file"),
        ({}, "key_file"),
        ({"driver": "route53", "server": "192.0.2.53"}, "server"),
        ({"driver": "route53", "server": None}, "key_file"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, t.Any], field: str) -> None:
    with pytest.raises(RecoveryError) as refused:
        factory.open_zone(dataclasses.replace(SETTINGS, **changes), {})
    assert refused.value.details["field"] == field


def test_a_server_whose_name_nobody_knows_is_named(tmp_path: Path) -> None:
    key = tmp_path / "dns.key"
    key.touch(0o600)
    key.write_text('key "lifeboat" { algorithm hmac-sha256; secret "c2VzYW1l"; };')
    settings = dataclasses.replace(SETTINGS, key_file=str(key))
    with pytest.raises(RecoveryError, match="0 is not a port"):
        factory.open_zone(dataclasses.replace(settings, port=0), {})
    with pytest.raises(DnsError, match=r"The name of the DNS server no\.\.such cannot be resolved"):
        factory.open_zone(dataclasses.replace(settings, server="no..such"), {})


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MISSING", True)
    with pytest.raises(MissingLibrary, match="dnspython"):
        factory.open_zone(SETTINGS, {})
