# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Prints the requirements on its input that hold for another Python: wanted.py VERSION.

Without their markers, which pip would read as this machine's: `pip download` knows of the other Python only what
fits its wheels.
"""

from __future__ import annotations

import sys

from packaging.requirements import Requirement


def main(version: str) -> None:
    """Given a version such as 3.13, print what its pip would install."""
    for line in sys.stdin:
        text = line.split("#")[0].strip()
        if text:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"python_version": version}):
                wanted.marker = None
                print(wanted)


main(sys.argv[1])
