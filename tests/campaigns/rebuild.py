# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A lost system against the clock: rebuild.py [--megabytes 1000] [--runs 2] [--built]

The fleet of scenario rebuild loses its databases, of so many megabytes, and its web application. One command rebuilds
both on bare hosts, their packages included, without a prompt; then both are bare again, and the same is done once more
with what the first recovery taught the forecast. Prints the seconds of each step beside its forecast, and exits with 1
if a recovery took longer than it may, the second forecast was wrong by more than it may, the command changes anything
when it is given again, or verify.yml of the scenario fails. With --built the fleet of the run before is used. Needs
root and the images of the rig.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import typing as t

from fleet import RECOVER, Fleet, say, unchanged

LONGEST = 600
"""Seconds that the command may take."""
WRONG_BY = 0.2
"""The share by which the whole may differ from its forecast."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Rebuild a lost fleet against the clock.")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--built", action="store_true")
    options = parser.parse_args()
    fleet = Fleet()
    if not options.built:
        say(f"making the fleet, with {options.megabytes} MB")
        fleet.begin("prepare", fleet_megabytes=options.megabytes)
    wrong: list[str] = []
    for number in range(1, options.runs + 1):
        fleet.bare()
        wrong += _timed(fleet, number)
    say("the same command again")
    if not unchanged(fleet.play(RECOVER)):
        wrong.append("the command changed something when it was given again")
    say("verify.yml")
    fleet.play("verify")
    fleet.play("destroy")
    for what in wrong:
        print(f"WRONG: {what}")
    return 1 if wrong else 0


def _timed(fleet: Fleet, number: int) -> list[str]:
    """Recover once, print what each step took, and return what was wrong."""
    say(f"recovery {number}; {os.cpu_count()} cores, with a load of {os.getloadavg()[0]:.1f}")
    began = time.monotonic()
    fleet.play(RECOVER, lifeboat_recovery_id="new")
    took = time.monotonic() - began
    told = fleet.report()
    _table(told)
    say(f"the whole command took {took:.0f} s, for a database of {fleet.megabytes()} MB")
    wrong = [f"recovery {number} took {took:.0f} s"] if took > LONGEST else []
    forecast, measured = told["recovery"]["forecast_total"]["seconds"], told["seconds"]
    by = (forecast - measured) / measured
    say(f"forecast {forecast} s, took {measured:.0f} s: {by:+.0%}")
    if number > 1 and abs(by) > WRONG_BY:  # the first forecast is a guess
        wrong.append(f"the forecast of recovery {number} is wrong by {by:+.0%}")
    return wrong


def _table(told: dict[str, t.Any]) -> None:
    forecast = told["recovery"]["forecast"]
    print(f"{'step':<14} {'forecast':>10} {'took':>7}  result")
    for one in told["steps"]:
        expected = forecast[one["step"]]
        known = f"{expected['seconds']} s" + ("" if expected["runs"] else " guess")
        print(f"{one['step']:<14} {known:>10} {one['seconds']:>5.0f} s  {one['end']['result']}")


if __name__ == "__main__":
    sys.exit(main())
