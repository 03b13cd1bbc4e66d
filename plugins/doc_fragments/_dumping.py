# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a database is dumped, how, and what is refused. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of a dump."""

    DOCUMENTATION = r"""
options:
  schemas:
    description: Back up only these schemas. Such a backup is partial and never counts as the latest one.
    type: list
    elements: str
  tables:
    description: Back up only these tables, as C(schema.table). Such a backup is partial too.
    type: list
    elements: str
  compression:
    description: V(zstd), V(gzip) or V(none), optionally with a level after a colon.
    type: str
    default: zstd:3
  proof:
    description:
      - What is taken from the same snapshot to compare a restored database with. V(counts) takes the rows of each
        table and a digest of every object of the catalogue; V(content) a hash of every table's contents too, which
        costs about as much as the dump.
    type: str
    choices: [none, counts, content]
    default: counts
  proof_time_budget:
    description: How long V(content) may take, such as V(30m). Tables beyond it have counts only, which is stated.
    type: str
  min_bytes:
    description: Refuse a dump smaller than this before compression, such as V(64MiB) or V(1GB).
    type: str
    default: "0"
  max_shrink:
    description: Refuse a full dump that is smaller than the one before by more than this percentage. V(0) turns it off.
    type: int
    default: 50
  accept_shrink:
    description: Accept a smaller dump this time.
    type: bool
    default: false
  allow_empty:
    description: Accept a database without tables.
    type: bool
    default: false
  accept_warnings:
    description: Warnings of C(pg_dump) that do not fail the backup, as regular expressions found in their text.
    type: list
    elements: str
  lock_timeout:
    description: How long to wait for one table's lock before all locks are released and the dump is tried again.
    type: str
    default: 10s
"""
