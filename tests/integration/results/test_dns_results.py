# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user gets from module dns_record is as it is kept in tests/data/results."""

from __future__ import annotations

import os
import typing as t

import dns_fixtures
import golden
import warm
from story import Story

if t.TYPE_CHECKING:
    from pathlib import Path

    from dns_fixtures import Bind

RECORDS = [
    {"name": "www.shop.example", "values": ["10.0.0.21"], "replaces": ["10.0.0.11"]},
    {"name": "db.shop.example", "host": "db1"},
]


def switching(story: Story, primary: Bind, common: dict[str, t.Any]) -> None:
    given = {**common, "records": RECORDS, "ttl": 30, "addresses": {"db1": "10.0.0.22"}}
    names = [{"name": record["name"]} for record in RECORDS]
    story.run("dns_record", "lowered", {**common, "records": names, "state": "ttl", "ttl": 60})
    primary.by_hand("www", "10.0.0.77")
    story.run("dns_record", "changed_by_hand", given)
    accepting = {**given, "accept": ["10.0.0.77"]}
    story.run("dns_record", "planned", accepting, check=True)
    done = story.run("dns_record", "switched", accepting)
    story.run("dns_record", "switched_already", given)
    dead = f"127.0.0.1:{dns_fixtures.free_port()}"
    story.names[dead] = "<dead server>"
    story.run("dns_record", "late", {**given, "resolvers": [dead], "timeout": "0"})
    story.run("dns_record", "gone_back", {**common, "records": done["previous"]})
    mail = {"name": "mail.shop.example", "values": ["10.0.0.23"]}
    story.run("dns_record", "not_granted", {**given, "records": [mail]})
    wrong = dns_fixtures.key_file(story.home / "wrong.key", "lifeboat")
    story.run("dns_record", "wrong_key", {**given, "key_file": wrong})
    story.run("dns_record", "other_zone", {**given, "zone": "other.example"})


def test_dns_record_gives_what_it_gave(primary: Bind, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    home = tmp_path / "story"
    home.mkdir()
    with warm.warm(["dns_record"], home, environ) as running:
        story = Story(home, running, {primary.address: "<server>"})
        common = {"server": "127.0.0.1", "port": primary.port, "zone": dns_fixtures.ZONE, "key_file": primary.key_file}
        switching(story, primary, {**common, "servers": [primary.address]})
    golden.check("dns_record", story.results["dns_record"], story.names)
