# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the checkout importable as ansible_collections.lifeboat.recovery, wherever it lies, and the fixtures."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _collections_root() -> Path:
    if ROOT.parts[-3:] == ("ansible_collections", "lifeboat", "recovery"):
        return ROOT.parents[2]
    link = ROOT / ".cache" / "collections" / "ansible_collections" / "lifeboat" / "recovery"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(ROOT)
    return link.parents[2]


sys.path[:0] = [str(_collections_root()), str(ROOT / "tests" / "fixtures")]
