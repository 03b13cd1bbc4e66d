# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What happens in a recovery, one event each. docs/design/format.md lists the fields.

An event says where it belongs and which one came before it, so that none can be moved, changed, left out or told twice.
A recovery begins with `open`; each run of it opens it again, and what follows is that run's until another opens it.
"""

from __future__ import annotations

import dataclasses
import datetime  # noqa: TC003 - read at run time, by forms
import typing as t

from ...drivers.crypto import seals, strict_json
from ...ground.errors import Tampered
from . import forms

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMAT = "lifeboat-recovery/1"
KIND = "recovery"
"""What its records are called where they are signed, and the scope of those who may sign them."""

Mode = t.Literal["recover", "drill"]
MODES: tuple[Mode, ...] = t.get_args(Mode)
DRILL: Mode = "drill"
Result = t.Literal["ok", "failed", "skipped"]
Fact: t.TypeAlias = "str | int | bool"


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """
    One run of a plan: its id, who started it, and the process on the controller, as `ground.holder` stamps it.

    `user` is whoever asked for it, else the operating system's user.
    """

    id: str
    user: str
    host: str
    machine: str
    boot: str
    ids: str
    pid: int
    started: str

    @property
    def process(self) -> dict[str, t.Any]:
        """The stamp of the process."""
        return {name: getattr(self, name) for name in ("host", "machine", "boot", "ids", "pid", "started")}


@dataclasses.dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step of the plan. `digest` changes with all that decides what it does; those of a `stage` run side by side."""

    id: str
    digest: str
    type: str
    hosts: tuple[str, ...]
    component: str
    stage: int


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The plan as it was when a run opened the recovery."""

    name: str
    digest: str
    steps: tuple[PlannedStep, ...]

    def digest_of(self, identity: str) -> str | None:
        """Return the digest of a step, None when the plan has none of that id."""
        return next((step.digest for step in self.steps if step.id == identity), None)


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """The backup that a component is recovered from. Sizes are bytes."""

    backup_id: str
    started: datetime.datetime
    finished: datetime.datetime
    restore_tested: bool
    size: int
    plain_size: int


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """How long something will take, by so many runs before, 0 for a guess; `error` is None where it is not known."""

    seconds: int
    error: int | None
    runs: int


@dataclasses.dataclass(frozen=True, slots=True)
class Open:
    """
    A run begins: its plan, the hosts that others stand in for, and those whose place as the primary others take, the
    recovery points, and how long each step will take. `incident_at` is when the outage began, `confirmed` are the
    targets whose data may be replaced.
    """

    plan: Plan
    mode: Mode
    reason: str
    replace: dict[str, str]
    failover: dict[str, str]
    points: dict[str, Point]
    forecast: dict[str, Expected]
    incident_at: datetime.datetime
    confirmed: tuple[str, ...]
    resumed: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Approve:
    """Somebody let a step begin that waits for approval; in a drill, DRILL did."""

    step: str
    by: str


@dataclasses.dataclass(frozen=True, slots=True)
class Begin:
    """A step begins; its first attempt is 1."""

    step: str
    attempt: int


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """
    A step ends. A failure that is `accepted` is not tried again. `hosts` are their messages.
    """

    step: str
    attempt: int
    result: Result
    accepted: bool
    reason: str
    hosts: dict[str, str]
    changed: bool | None
    facts: dict[str, Fact]


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """The run stops before a step, and waits for what the text says."""

    step: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Repin:
    """Some components are recovered from other backups than before."""

    points: dict[str, Point]


@dataclasses.dataclass(frozen=True, slots=True)
class Aim:
    """Whole servers are recovered, to the moment `target`, which is JSON as somebody wrote it."""

    target: str


@dataclasses.dataclass(frozen=True, slots=True)
class TornDown:
    """What a drill made on its hosts was removed. `left` is what is still there, by host; empty where nothing is."""

    left: dict[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Leave:
    """The run ends and the recovery does not: whoever goes on with it takes it from nobody."""

    result: t.Literal["failed", "waiting", "incomplete"]


@dataclasses.dataclass(frozen=True, slots=True)
class Close:
    """The recovery ends."""

    result: t.Literal["ok", "failed"]


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """Receivers of notifications were told of the recovery; `channels` are their names."""

    channels: tuple[str, ...]


What: t.TypeAlias = "Open | Approve | Begin | End | Waiting | Repin | Aim | TornDown | Told | Leave | Close"

KINDS: Mapping[str, type] = {
    "open": Open,
    "approve": Approve,
    "begin": Begin,
    "end": End,
    "waiting": Waiting,
    "repin": Repin,
    "aim": Aim,
    "torn_down": TornDown,
    "told": Told,
    "leave": Leave,
    "close": Close,
}
"""The events by the word that their records have."""

_WORDS = {kind: word for word, kind in KINDS.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """
    One event. Numbers begin at 1; `previous` is the SHA-256 of the record of the event before it, empty for the first.
    """

    application: str
    recovery_id: str
    number: int
    previous: str
    at: datetime.datetime
    run: Run
    what: What

    @property
    def kind(self) -> str:
        """What happened, as its record calls it."""
        return _WORDS[type(self.what)]

    def payload(self) -> bytes:
        """Return the JSON that is signed and stored."""
        head = forms.record(self)
        what = head.pop("what")
        return strict_json.dumps({"format": FORMAT, **head, "kind": self.kind, "what": what})


def parse(payload: bytes) -> Event:
    """Read an authenticated payload. Raise Tampered when it is none of an event."""
    value = strict_json.loads(payload, limit=seals.LIMITS[KIND])
    if not isinstance(value, dict) or value.pop("format", None) != FORMAT:
        raise Tampered("An event of a recovery has an unknown format.", "Use a version that supports it.")
    kind: type[t.Any] | None = KINDS.get(str(value.pop("kind", "")))
    if kind is None:
        raise Tampered("An event of a recovery is of an unknown kind.", "Use a version that supports it.")
    what = forms.read(kind, value.pop("what", None), "An event of a recovery")
    head = forms.read(_Head, value, "An event of a recovery")
    return Event(**{field.name: getattr(head, field.name) for field in dataclasses.fields(_Head)}, what=what)


def check(chain: Sequence[Event], digests: Sequence[str], application: str, recovery_id: str) -> None:
    """
    Raise Tampered unless these are all the events of a recovery up to the last of them, each in its place.

    `digests` are the SHA-256 of their records.
    """
    previous, run = "", None
    for number, (event, digest) in enumerate(zip(chain, digests, strict=True), 1):
        place = (event.application, event.recovery_id, event.number, event.previous)
        if isinstance(event.what, Open):
            run = event.run
        if place != (application, recovery_id, number, previous) or event.run != run:
            raise Tampered(
                f"Event {number} of {recovery_id} is not the one that belongs there.",
                "Events were removed, exchanged or altered: find out by whom, and use another copy.",
                recovery_id=recovery_id,
                number=number,
            )
        previous = digest


@dataclasses.dataclass(frozen=True, slots=True)
class _Head:
    application: str
    recovery_id: str
    number: int
    previous: str
    at: datetime.datetime
    run: Run
