# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collections of others, from the package `ansible` of the package index."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ANSIBLE = "12.3.0"
"""The version of the package, which brings awx.awx 24.6.1 and amazon.aws 10.1.2."""

WANTED = ("awx/awx", "amazon/aws")


def collections() -> Path:
    """Return a directory of collections with these, fetched if it is not there yet."""
    place = ROOT / f".cache/ansible-{ANSIBLE}"
    if not (place / "complete").exists():
        with tempfile.TemporaryDirectory() as folder:
            wanted = ["--no-deps", "--quiet", "--dest", folder, f"ansible=={ANSIBLE}"]
            subprocess.run([sys.executable, "-m", "pip", "download", *wanted], check=True)
            (wheel,) = Path(folder).iterdir()
            starts = tuple(f"ansible_collections/{name}/" for name in WANTED)
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(place, [name for name in archive.namelist() if name.startswith(starts)])
        (place / "complete").touch()
    return place


def ours() -> str:
    """Return a directory of collections with this one."""
    script = ". tests/lib/common.sh && collections"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()
