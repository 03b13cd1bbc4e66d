# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A lost system against the clock: rebuild.py [--megabytes 1000] [--runs 3] [--pitr] [--built] [--write]

The fleet of scenario rebuild loses its databases, of so many megabytes, and its web application. One command rebuilds
both on bare hosts, their packages included, without a prompt; then both are bare again, and the same is done twice more
with what the recoveries before taught the forecast. Prints the seconds of each step beside its forecast, and exits with
1 if a recovery took longer than it may, a forecast after the first was wrong by more than it may, the command changes
anything when it is given again, or verify.yml of the scenario fails. With --pitr the whole server comes back from its
physical backup and its log, else its database from a logical one. With --built the fleet of the run before is used.
Needs root and the images of the rig.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import typing as t
from pathlib import Path

from fleet import RECOVER, Fleet, say, unchanged

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import page

LONGEST = 600
"""Seconds that the command may take."""
WRONG_BY = 0.2
"""The share by which the whole may differ from its forecast."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Rebuild a lost fleet against the clock.")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pitr", action="store_true", help="recover the whole server from its log")
    parser.add_argument("--built", action="store_true")
    parser.add_argument("--write", action="store_true", help="write the last recovery into docs/benchmarks.md")
    options = parser.parse_args()
    fleet = Fleet(whole=options.pitr)
    if not options.built:
        say(f"making the fleet, with {options.megabytes} MB")
        fleet.begin("prepare", fleet_megabytes=options.megabytes)
    wrong: list[str] = []
    for number in range(1, options.runs + 1):
        fleet.bare()
        wrong += _timed(fleet, number)
    if options.write:
        what = f"recovery {options.runs} of the fleet of scenario `rebuild`, with a database of {fleet.megabytes()} MB"
        page.write({"Rebuild": "\n".join([page.made_by("campaigns/rebuild.py", what), "", *_table(fleet.report())])})
    say("the same command again")
    if not unchanged(fleet.play(RECOVER)):
        wrong.append("the command changed something when it was given again")
    say("verify.yml")
    fleet.play("verify")
    fleet.play("destroy")
    for one in wrong:
        print(f"WRONG: {one}")
    return 1 if wrong else 0


def _timed(fleet: Fleet, number: int) -> list[str]:
    """Recover once, print what each step took, and return what was wrong."""
    say(f"recovery {number}; {os.cpu_count()} cores, with a load of {os.getloadavg()[0]:.1f}")
    began = time.monotonic()
    fleet.play(RECOVER, lifeboat_recovery_id="new")
    took = time.monotonic() - began
    told = fleet.report()
    for line in _table(told):
        print(line)
    say(f"the whole command took {took:.0f} s, for a database of {fleet.megabytes()} MB")
    wrong = [f"recovery {number} took {took:.0f} s"] if took > LONGEST else []
    by = _forecast(told) / told["seconds"] - 1
    if number > 1 and abs(by) > WRONG_BY:  # the first forecast is a guess
        wrong.append(f"the forecast of recovery {number} is wrong by {by:+.0%}")
    return wrong


def _forecast(told: dict[str, t.Any]) -> float:
    return t.cast("float", told["recovery"]["forecast_total"]["seconds"])


def _table(told: dict[str, t.Any]) -> list[str]:
    """Return how long each step was to take, and took."""
    lines = ["| step | forecast | took | result |", "|---|---|---|---|"]
    for one in told["steps"]:
        expected = told["recovery"]["forecast"][one["step"]]
        known = f"{expected['seconds']} s" + ("" if expected["runs"] else " (guess)")
        lines.append(f"| {one['step']} | {known} | {one['seconds']:.0f} s | {one['end']['result']} |")
    return [*lines, f"| the whole | {_forecast(told):.0f} s | {told['seconds']:.0f} s | {told['recovery']['result']} |"]


if __name__ == "__main__":
    sys.exit(main())
