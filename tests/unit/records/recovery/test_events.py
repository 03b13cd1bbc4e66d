# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happened in a recovery is read back as it was, and nothing else is taken for it."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keys, seals
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import events, saying
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import (
    Aim,
    Approve,
    Begin,
    Close,
    End,
    Event,
    Expected,
    Leave,
    Open,
    Plan,
    PlannedStep,
    Point,
    Repin,
    Run,
    TornDown,
    Waiting,
)

AT = datetime.datetime(2026, 11, 30, 1, 2, 3, 456000, tzinfo=datetime.UTC)
RUN = Run("0123456789abcdef", "alice", "admin1", "m", "b", "pid:[1]", 7, "123")
POINT = Point("backup-20261130T000000Z-0123456789abcdef", AT, AT, True, 10, 100)
PLAN = Plan("data_loss", "d", (PlannedStep("restore", "1", "restore", ("db1", "db2"), "main/shop", 1),))
WHATS = [
    Open(
        PLAN,
        "recover",
        "db1 is dead",
        {"db1": "spare1"},
        {"db2": "db3"},
        {"main/shop": POINT},
        {"restore": Expected(60, None, 1)},
        AT,
        ("shop@db1",),
        False,
    ),
    Approve("restore", "bob"),
    Begin("restore", 1),
    End("restore", 1, "failed", False, "", {"db1": "unreachable"}, False, {"bytes": 5, "host": "db1", "warm": True}),
    Waiting("restore", "Open for writing?"),
    Repin({"main/shop": POINT}),
    Aim('"latest"'),
    TornDown({"db1": "/etc/lifeboat/keys"}),
    Leave("waiting"),
    Close("ok"),
]


def event(what: events.What, number: int = 1, previous: str = "") -> Event:
    return Event("shop", "recovery-20261130T010203Z-0123456789abcdef", number, previous, AT, RUN, what)


def test_the_published_events_are_written_again_byte_for_byte() -> None:
    vectors = Path(__file__).resolve().parents[3] / "vectors"
    index = json.loads((vectors / "index.json").read_bytes())
    (case,) = index["recoveries"]
    records = [(vectors / name).read_bytes() for name in case["files"]]
    allowed = [bytes.fromhex(root) for root in case["roots"]]
    payloads = [seals.open_record("recovery", record, allowed).payload for record in records]
    read = [events.parse(payload) for payload in payloads]
    digests = [hashlib.sha256(record).hexdigest() for record in records]
    events.check(read, digests, case["application"], case["recovery_id"])
    assert {each.kind for each in read} == set(events.KINDS)
    assert [each.payload() for each in read] == payloads
    root = keys.RecoveryKey.from_hex(index["recovery_keys"]["owner"]["hex"]).root
    assert [seals.seal_record("recovery", payload, [root]) for payload in payloads] == records


@pytest.mark.parametrize("what", WHATS, ids=lambda what: type(what).__name__)
def test_an_event_is_read_back_as_it_was(what: events.What) -> None:
    made = event(what)
    assert events.parse(made.payload()) == made
    assert events.parse(made.payload()).payload() == made.payload()


def altered(path: tuple[t.Any, ...], value: object) -> bytes:
    record = json.loads(event(WHATS[0]).payload())
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return json.dumps(record).encode()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "lifeboat-recovery/2"),
        (("format",), None),
        (("kind",), "closed"),
        (("kind",), "begin"),
        (("kind",), ["open"]),
        (("number",), "1"),
        (("number",), True),
        (("extra",), 1),
        (("run", "id"), None),
        (("run", "pid"), "7"),
        (("run",), []),
        (("at",), "2026-11-30T01:02:03Z"),
        (("at",), "2026-11-30T1:02:03.456Z"),
        (("at",), "2026-11-30T01:02:03.456+00:00"),
        (("what",), None),
        (("what", "mode"), "rehearsal"),
        (("what", "resumed"), 0),
        (("what", "replace"), {"db1": 1}),
        (("what", "points", "main/shop", "size"), True),
        (("what", "points", "main/shop", "more"), 1),
        (("what", "plan", "steps"), {}),
        (("what", "plan", "steps", 0, "hosts"), "db1"),
        (("what", "forecast"), {"restore": 60}),
    ],
)
def test_what_is_not_exactly_an_event_is_refused(path: tuple[t.Any, ...], value: object) -> None:
    with pytest.raises(Tampered):
        events.parse(altered(path, value))


def test_a_chain_is_whole_and_in_its_order() -> None:
    chain, digests = [], [""]
    for number, what in enumerate(WHATS, 1):
        chain.append(event(what, number, digests[-1]))
        digests.append(hashlib.sha256(chain[-1].payload()).hexdigest())
    own = digests[1:]
    place = ("shop", chain[0].recovery_id)
    events.check(chain, own, *place)
    for length in range(len(chain)):
        events.check(chain[:length], own[:length], *place)
    for broken in (
        [1, 2, 3],
        [0, 2, 3],
        [0, 2, 1],
        [0, 0, 1],
        [0, 1, 1],
    ):
        with pytest.raises(Tampered, match="is not the one that belongs there"):
            events.check([chain[each] for each in broken], [own[each] for each in broken], *place)
    for other in (("blog", place[1]), ("shop", place[1][:-1] + "0")):
        with pytest.raises(Tampered):
            events.check(chain, own, *other)
    stranger = dataclasses.replace(chain[2], run=dataclasses.replace(RUN, id="f" * 16))
    with pytest.raises(Tampered):
        events.check([*chain[:2], stranger], own[:3], *place)


def test_a_message_is_one_line_that_no_terminal_obeys_and_tells_what_was_cut() -> None:
    assert saying.message("two\nlines\x1b[31m") == "two lines\\x1b[31m"
    long = saying.message("a" * 2000 + "rest")
    assert long == "a" * 2000 + "… sha256:" + hashlib.sha256(b"rest").hexdigest()
    assert saying.message("a" * 2000) == "a" * 2000


def test_the_messages_of_a_thousand_hosts_fit_into_one_event() -> None:
    said = {f"db{number}": "é" * 5000 for number in range(1000)}
    ended = event(End("restore", 1, "failed", False, "", saying.messages(said), False, {}))
    assert events.parse(ended.payload()) == ended
    assert saying.messages({"db1": "x"}) == {"db1": "x"}
