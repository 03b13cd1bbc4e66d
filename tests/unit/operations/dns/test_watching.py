# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Authoritative servers are asked first and resolvers only then; each is asked until it agrees, or time is up."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns.base import RecordSet, Server
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns.messages import Answer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DnsError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.dns import watching
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.dns.watching import Watched, wait

OLD, NEW = ("10.0.0.11",), ("10.0.0.21",)
WWW = RecordSet("www.shop.example", "A", 30, NEW)
NS1, NS2 = Watched("ns1", Server("192.0.2.1")), Watched("ns2", Server("192.0.2.2"))
RESOLVER = Watched("192.0.2.9", Server("192.0.2.9"), resolver=True)


@dataclasses.dataclass
class Servers:
    """Servers with the new value from a second on, and the clock; what they were asked, in order."""

    since: dict[str, float] = dataclasses.field(default_factory=dict)
    answers: dict[str, Answer] = dataclasses.field(default_factory=dict)
    now: float = 0.0
    asked: list[str] = dataclasses.field(default_factory=list)

    def ask(self, server: Server, name: str, kind: str, *, recursive: bool) -> Answer:
        self.asked.append(server.address)
        if server.address in self.answers:
            return self.answers[server.address]
        since = self.since.get(server.address, 0.0)
        if self.now >= since:
            return Answer("NOERROR", not recursive, NEW, 30)
        if since == float("inf"):
            raise DnsError("It is dead.", "Mend it.", why="no answer in time")
        return Answer("NOERROR", not recursive, OLD, int(since - self.now))

    def world(self) -> World:
        def sleep(seconds: float) -> None:
            assert seconds > 0
            self.now += seconds

        return World(lambda: datetime(2026, 11, 30, tzinfo=UTC) + timedelta(seconds=self.now), sleep, {})

    def wait(self, *watched: Watched, limit: float | None = 100.0, settled: float = 0.0) -> dict[str, str]:
        seen = wait(watched, [WWW], self.world(), settled=lambda: self.now >= settled, limit=limit)
        return {one.watched.name: one.said for one in seen}


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    found = Servers()
    monkeypatch.setattr(watching.messages, "ask", found.ask)
    return found


def test_the_wait_ends_with_the_last_one(servers: Servers) -> None:
    servers.since = {"192.0.2.2": 10.0, "192.0.2.9": 40.0}
    assert servers.wait(NS1, NS2, RESOLVER) == {"ns1": "", "ns2": "", "192.0.2.9": ""}
    assert 40 <= servers.now < 46
    assert servers.asked.count("192.0.2.1") == 1  # who agreed is left in peace
    assert servers.asked.index("192.0.2.9") > max(i for i, one in enumerate(servers.asked) if one != "192.0.2.9")


def test_resolvers_are_not_asked_before_the_service_has_settled(servers: Servers) -> None:
    assert servers.wait(NS1, RESOLVER, settled=20.0)["192.0.2.9"] == ""
    assert servers.now >= 20
    servers.asked.clear()
    assert servers.wait(NS1, RESOLVER, settled=10**6)["192.0.2.9"] == "was not asked yet"
    assert "192.0.2.9" not in servers.asked


def test_time_that_is_up_is_up(servers: Servers) -> None:
    servers.since = {"192.0.2.2": float("inf"), "192.0.2.9": 5.0}
    said = servers.wait(NS1, NS2, RESOLVER)
    assert said == {"ns1": "", "ns2": "gives no answer (no answer in time)", "192.0.2.9": "was not asked yet"}
    assert servers.now == 100


def test_without_a_limit_resolvers_say_how_long_they_remember(servers: Servers) -> None:
    servers.since = {"192.0.2.9": 3000.0}
    assert servers.wait(NS1, RESOLVER, limit=None)["192.0.2.9"] == ""
    assert servers.now >= 3000
    servers.since = {"192.0.2.9": servers.now + 10**9}
    began = servers.now
    assert (
        "answers 10.0.0.11 for www.shop.example A, and remembers it" in servers.wait(RESOLVER, limit=None)["192.0.2.9"]
    )
    assert servers.now - began < watching.LONGEST_MEMORY + 2 * watching.GRACE


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer("SERVFAIL", authoritative=True), "answers SERVFAIL for www.shop.example"),
        (Answer("NOERROR", authoritative=False, values=NEW, ttl=30), "does not have the zone of www.shop.example"),
        (Answer("NXDOMAIN", authoritative=True), "answers none for www.shop.example A"),
        (Answer("NOERROR", authoritative=True, values=(*NEW, *OLD), ttl=30), "answers 10.0.0.21, 10.0.0.11 for"),
        (Answer("NOERROR", authoritative=True, values=NEW, ttl=3600), "answers the TTL 3600 for www.shop.example A"),
    ],
)
def test_what_a_server_says_instead_is_told(servers: Servers, answer: Answer, said: str) -> None:
    servers.answers = {"192.0.2.1": answer}
    assert servers.wait(NS1, limit=0.0)["ns1"].startswith(said)


def test_a_server_without_an_address_is_left(servers: Servers) -> None:
    assert servers.wait(Watched("ns3", None), limit=1.0) == {"ns3": "has a name that cannot be resolved"}
