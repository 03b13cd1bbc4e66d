# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a physical backup is based on. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The options O(mode), O(full_every) and O(max_chain)."""

    DOCUMENTATION = r"""
options:
  mode:
    description:
      - V(full) copies all files, V(incremental) what changed since the newest backup. V(auto) chooses, and says why
        in C(why).
      - From PostgreSQL 17 on V(auto) makes an incremental backup if the server has C(summarize_wal = on), this host has
        PostgreSQL's manifest of the newest backup, and neither O(full_every) nor O(max_chain) ask for a full one. What
        the server refuses becomes a full one; with V(incremental) the run fails then.
      - On PostgreSQL 15 and 16 there are no incremental backups. There V(auto) makes none as long as a full one is
        younger than O(full_every), the server is on the same timeline, and all WAL since is stored;
        C(recoverable_until) is what the archive recovers. O(reason=emergency) makes one all the same.
    type: str
    choices: [auto, full, incremental]
    default: auto
  full_every:
    description: With O(mode=auto) a full backup is made if the newest full one is older than this.
    type: str
    default: 7d
  max_chain:
    description:
      - With O(mode=auto) a full backup is made if so many incremental ones follow the newest full one. A restore reads
        all of them.
    type: int
    default: 7
"""
