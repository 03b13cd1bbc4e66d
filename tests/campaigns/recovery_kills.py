# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Controllers that are killed: recovery_kills.py [--kills 100] [--seed N] [--scenario NAME ...]

`--kills` strikes recoveries of hosts on this machine, each somewhere behind an event of their journal, until they are
finished, and begins another one. A `--scenario` of molecule has its recovery killed at each event that it has, and is
verified at the end; that needs root and the images of the rig. Ends with 1 when anything was not as it must be.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
importlib.import_module("conftest")  # makes the collection importable
from engine_fixtures import Engine, killed_at_another, made_in
from fleet import RECOVER, Scenario, say, unchanged

PLAN = (
    {"id": "away", "tasks": "note", "hosts": "dead", "on_failure": "continue"},
    {"id": "first", "tasks": "count"},
    {"id": "never_mind", "tasks": "count", "when": "1 == 2"},
    {"id": "again", "tasks": "flaky", "hosts": "h1:h2", "retries": 3},
    {"parallel": [{"id": "left", "tasks": "count"}, {"id": "right", "tasks": "count", "hosts": "h2"}]},
    {"id": "last", "tasks": "count", "hosts": "localhost"},
)

LONGEST = 200
"""Runs of a recovery before something must have gone wrong."""

SPREAD = 3.0
"""Seconds behind an event in which a kill may come."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill the controllers of recoveries.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", nargs="*", default=[])
    options = parser.parse_args()
    chance = random.Random(options.seed)
    wrong: list[str] = []
    kills = recoveries = 0
    while kills < options.kills and not wrong:
        with tempfile.TemporaryDirectory(prefix="lifeboat-campaign-") as home:
            struck, wrong = _recovery(made_in(Path(home)), chance)
        kills, recoveries = kills + struck, recoveries + 1
        say(f"{kills} kills in {recoveries} recoveries, seed {options.seed}")
    for scenario in options.scenario:
        struck = _scenario(scenario)
        say(f"scenario {scenario}: killed at {struck} events, and verified")
    for what in wrong:
        print(f"WRONG: {what}")
    return 1 if wrong else 0


def _recovery(engine: Engine, chance: random.Random) -> tuple[int, list[str]]:
    """Return how often a recovery was killed until it was finished, and what was wrong."""
    engine.write(*PLAN)
    wrong: list[str] = []
    for kills in range(LONGEST):
        settled, counted = engine.settled(), len(engine.counted())
        # Each run makes its first event, so that one more than there were lets a recovery get on.
        wanted = len(engine.events()) + chance.randint(1, 6)
        killed = killed_at_another(
            lambda output: engine.start(output=output),
            lambda wanted=wanted: engine.events()[wanted:],
            set(),
            chance.uniform(0, SPREAD),
        )
        if twice := settled & set(engine.counted()[counted:]):
            wrong.append(f"settled, and done again: {', '.join(twice)}")
        if not killed and engine.events()[-1] == "close ok":
            return kills, [*wrong, *_compared(engine)]
    return LONGEST, [*wrong, f"not finished after {LONGEST} runs: {engine.events()[-5:]}"]


def _compared(engine: Engine) -> list[str]:
    """Return what of a finished recovery is not as if nobody had killed it."""
    found = {
        "steps": set(engine.counted()) == {"first", "left", "right", "last"},
        "store": engine.stored() == len(engine.events()),
        "second run": "is finished; nothing was changed." in engine.run(0),
    }
    return [f"{what} is not as it must be" for what, right in found.items() if not right]


def _scenario(name: str) -> int:
    """Return at how many events the recovery of a scenario was killed before it ended and was verified."""
    scenario = Scenario(name)
    scenario.begin("prepare")
    seen: set[str] = set()
    while scenario.killed(scenario.told, seen):
        say(f"{name}: killed at {max(len(seen), 1)} events")
    if not unchanged(scenario.play(RECOVER)):
        raise SystemExit(f"WRONG: {name}: a second run changed something")
    scenario.play("verify")
    scenario.play("destroy")
    return len(seen)


if __name__ == "__main__":
    sys.exit(main())
