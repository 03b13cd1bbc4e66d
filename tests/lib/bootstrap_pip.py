# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Puts get-pip where ansible-test looks for it: bootstrap_pip.py CACHE-FOLDER.

ansible-test downloads get-pip from a server of its own.  Where that cannot be reached, a stand-in does the same with
the pip that comes with Python and the package index that the machine uses.
"""

from __future__ import annotations

import re
import sys
import urllib.request
from pathlib import Path

import ansible_test

STAND_IN = '''"""Stands in for get-pip: pip from Python itself, then what is asked for from the package index."""

import ensurepip
import subprocess
import sys

ensurepip.bootstrap(default_pip=True)
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *wanted]))
'''


def main(folder: Path) -> None:
    """Given the cache folder of ansible-test, put there each get-pip that this ansible-test asks for."""
    package = Path(ansible_test.__file__).parent
    setup = (package / "_util/target/setup/requirements.py").read_text(encoding="utf-8")
    address = re.findall(r"'(https://[^']*/get-pip-)%s\.py'", setup)[0]
    pins = (package / "_internal/python_requirements.py").read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    for version in sorted(set(re.findall(r"\bpip(?:=|': )'([0-9.]+)'", pins))):
        path = folder / f"get_pip_{version.replace('.', '_')}.py"
        if not path.exists():
            path.write_bytes(_get_pip(f"{address}{version}.py"))


def _get_pip(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.read()
    except OSError:
        return STAND_IN.encode()


main(Path(sys.argv[1]))
