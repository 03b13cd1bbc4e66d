# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The moment whose server rows are taken from. Kept equal to plugins/module_utils/_moment.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of a server as it was at a moment."""

    DOCUMENTATION = r"""
options:
  target:
    description:
      - Takes the rows as they were at this moment, from the physical backup of the server and the log that was archived
        after it, in place of a backup of the database. The values are those of
        O(lifeboat.recovery.pg_pitr#module:target).
    type: raw
  exclusive:
    description: Leave out the transaction, or the position, that is the O(target).
    type: bool
    default: false
  timeline:
    description: The timeline that holds the O(target). It has to be set where several do.
    type: int
  superuser:
    description: A superuser that the server had at the O(target).
    type: str
    default: postgres
"""
