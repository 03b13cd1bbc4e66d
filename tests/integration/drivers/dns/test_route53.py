# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A zone of Route 53, which moto imitates: a batch is done as a whole, and only if the old records are as they were."""

from __future__ import annotations

import dataclasses
import typing as t
import urllib.request

import boto3
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns import addresses, factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns.base import (
    Change,
    Changed,
    RecordSet,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns.factory import ZoneSettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DnsError, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.dns.request import DnsRequest, Wish
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.dns.switching import dns_record
from dns_fixtures import world
from moto.server import ThreadedMotoServer

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WWW = RecordSet("www.shop.example", "A", 60, ("10.0.0.11",))
DB = RecordSet("db.shop.example", "A", 3600, ("10.0.0.12",))


@dataclasses.dataclass(frozen=True)
class Route53:
    """A running service with a zone, and what looks at it without any code of ours."""

    endpoint: str
    key_file: str
    client: t.Any
    zone_id: str

    def settings(self, **changes: t.Any) -> ZoneSettings:
        given = ZoneSettings("shop.example", "route53", server=self.endpoint, key_file=self.key_file)
        return dataclasses.replace(given, **changes)

    def put(self, name: str, **records: t.Any) -> None:
        given = {"Name": name, "Type": "A", **records}
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": given}]}
        self.client.change_resource_record_sets(HostedZoneId=self.zone_id, ChangeBatch=batch)

    def look(self) -> dict[str, tuple[int, list[str]]]:
        found = self.client.list_resource_record_sets(HostedZoneId=self.zone_id)["ResourceRecordSets"]
        return {
            item["Name"]: (item["TTL"], [record["Value"] for record in item["ResourceRecords"]])
            for item in found
            if item["Type"] == "A"
        }


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def route53(endpoint: str, tmp_path: Path) -> Route53:
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    key_file = tmp_path / "aws.credentials"
    key_file.touch(0o600)
    key_file.write_text("[default]\naws_access_key_id = AKID\naws_secret_access_key = secret\n")
    client = boto3.client(
        "route53", "us-east-1", endpoint_url=endpoint, aws_access_key_id="AKID", aws_secret_access_key="secret"
    )
    zone = client.create_hosted_zone(Name="shop.example", CallerReference=str(tmp_path))["HostedZone"]["Id"]
    found = Route53(endpoint, str(key_file), client, zone)
    for record in (WWW, DB):
        found.put(record.name, TTL=record.ttl, ResourceRecords=[{"Value": value} for value in record.values])
    return found


def test_records_are_read(route53: Route53) -> None:
    zone = factory.open_zone(route53.settings(), {})
    assert zone.read("www.shop.example", "A") == WWW
    assert zone.read("www.shop.example", "AAAA").values == ()
    assert zone.read("new.shop.example", "A").values == ()


def test_two_names_change_at_once(route53: Route53) -> None:
    zone = factory.open_zone(route53.settings(), {})
    changes = [Change(WWW, dataclasses.replace(WWW, ttl=30, values=("10.0.0.21", "10.0.0.31")))]
    new = RecordSet("new.shop.example", "A", 900)
    zone.update([*changes, Change(new, dataclasses.replace(new, ttl=30, values=("10.0.0.22",)))])
    assert route53.look() == {
        "db.shop.example.": (3600, ["10.0.0.12"]),
        "new.shop.example.": (30, ["10.0.0.22"]),
        "www.shop.example.": (30, ["10.0.0.21", "10.0.0.31"]),
    }
    assert zone.settled()


@pytest.mark.parametrize("there", [{"values": ("10.0.0.77",)}, {"ttl": 3600}])
def test_what_changed_meanwhile_stops_the_whole_batch(route53: Route53, there: dict[str, t.Any]) -> None:
    zone, before = factory.open_zone(route53.settings(), {}), route53.look()
    changes = [
        Change(DB, dataclasses.replace(DB, values=("10.0.0.22",))),
        Change(dataclasses.replace(WWW, **there), dataclasses.replace(WWW, values=("10.0.0.21",))),
    ]
    with pytest.raises(Changed):
        zone.update(changes)
    assert route53.look() == before


def test_its_servers_are_known(route53: Route53, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "known", lambda name: [f"address of {name}"])
    found = factory.open_zone(route53.settings(), {}).nameservers()
    assert found
    assert all(known == [f"address of {name}"] and not name.endswith(".") for name, known in found.items())


def test_an_alias_is_refused(route53: Route53) -> None:
    alias = {"HostedZoneId": route53.zone_id, "DNSName": "www.shop.example", "EvaluateTargetHealth": False}
    route53.put("alias.shop.example", AliasTarget=alias)
    with pytest.raises(UsageError, match=r"alias.shop.example A is an alias or has a routing policy"):
        factory.open_zone(route53.settings(), {}).read("alias.shop.example", "A")


def test_a_missing_zone_and_a_dead_endpoint_are_named(route53: Route53) -> None:
    with pytest.raises(UsageError, match=r"Route 53 has no public zone other.example"):
        factory.open_zone(route53.settings(zone="other.example"), {}).read("www.other.example", "A")
    dead = route53.settings(server="http://127.0.0.1:9")
    with pytest.raises(DnsError, match=r"Route 53 cannot be asked at http://127.0.0.1:9"):
        factory.open_zone(dead, {}).read("www.shop.example", "A")


def test_a_switch_is_done_once(route53: Route53, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "known", lambda _name: [])  # moto answers no DNS
    request = DnsRequest(route53.settings(), (Wish("www.shop.example", values=("10.0.0.21",)),), ttl=30, timeout=0)
    done = dns_record(request, world())
    assert done.changed
    assert route53.look()["www.shop.example."] == (30, ["10.0.0.21"])
    assert done.error is not None
    assert "has a name that cannot be resolved" in done.error.cause
    assert not dns_record(request, world()).changed
