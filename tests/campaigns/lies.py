# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A thousand lies of a store: lies.py [--count 1000] [--seed N]

Each is told by a proxy before the S3 server of tests/rig/s3, to a backup, a listing, a verification, a restore, a
retention or a pin of its own. Ends with 1 when anything was not as it must be, and names the seed of each such lie.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

# This directory goes: files of the same names as modules that the tests use lie in it.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
importlib.import_module("conftest")  # makes the collection importable
from faults import lies
from s3_fixtures import own_bucket


def main() -> int:
    parser = argparse.ArgumentParser(description="Let a store lie a thousand times.")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with own_bucket() as s3, tempfile.TemporaryDirectory(prefix="lifeboat-campaign-") as home:
        tally = lies.strike(s3, Path(home), options.count, options.seed, report=_say)
    print(f"lies, seed {options.seed}: {tally}", flush=True)
    for what in tally.wrong:
        print(f"WRONG: {what}")
    return 1 if tally.wrong else 0


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
