# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a backup is suspicious. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The option O(anomalies)."""

    DOCUMENTATION = r"""
options:
  anomalies:
    description:
      - When a backup is suspicious, compared with the full backups of the same database before it. Its size, the rows
        of all and of each table, and the compression ratio of its data are compared.
      - Data that hardly compresses any more is a possible sign of ransomware.
    type: dict
    suboptions:
      window:
        description: How many previous backups are compared, 20 by default and 200 at most. V(0) disables it.
        type: int
      minimum:
        description: How many there must be before anything is judged, 5 by default, 3 to O(anomalies.window).
        type: int
      deviations:
        description: How many deviations of the usual noise are plausible, 4 by default.
        type: float
      shrink:
        description: Percent less, of bytes or of rows, that are always plausible; 25 by default.
        type: int
      growth:
        description: Percent more that are always plausible; 100 by default. Only the whole is judged by it.
        type: int
      collapse:
        description: How many more bytes may be stored for a hundred bytes of data, 15 by default.
        type: int
      table_rows:
        description: Tables that lose fewer rows than this are not judged, 100 by default.
        type: int
      since:
        description:
          - Backups that finished before this are not used for comparison, such as V(2026-11-20T10:00:00Z). Set it after
            an intended change.
        type: str
"""
