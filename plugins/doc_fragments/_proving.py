# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a physical backup is proved. Kept equal to plugins/module_utils/_proving.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of a trial of a physical backup."""

    DOCUMENTATION = r"""
options:
  replay:
    description:
      - For a physical backup, how many segments of the write-ahead log behind its end are replayed, or V(all) that are
        stored. All those are required.
    type: str
    default: "64"
  amcheck_timeout:
    description:
      - For a physical backup, how long C(pg_amcheck) may look at tables and indexes. What it did not get to becomes a
        note. V(0) means no limit.
    type: str
    default: 1h
  superuser:
    description: For a physical backup, the name of a superuser of the server that was backed up.
    type: str
    default: postgres
"""
