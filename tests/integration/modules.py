# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module in a process of its own, as Ansible does on a host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAM = """
import sys, json, importlib
from ansible.module_utils.testing import patch_module_args
with patch_module_args(json.load(sys.stdin)):
    importlib.import_module("ansible_collections.lifeboat.recovery.plugins.modules." + sys.argv[1]).main()
"""


def run(name: str, options: Mapping[str, t.Any], environ: Mapping[str, str] | None = None) -> dict[str, t.Any]:
    """Run the module of this name, and give its result."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name],
        env={**(os.environ if environ is None else environ), "PYTHONPATH": ":".join(sys.path)},
        input=json.dumps(options),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return t.cast("dict[str, t.Any]", json.loads(done.stdout))
