# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to keep. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of everything that deletes backups by a policy."""

    DOCUMENTATION = r"""
options:
  policy:
    description:
      - What to keep. V(hourly), V(daily), V(weekly), V(monthly) and V(yearly) with a count, or with an age such as
        V(30d); V(keep_last), V(keep_within), V(max_count), V(min_keep), V(keep_partial), V(by_reason), V(by_component),
        V(max_delete_share), V(zone); or a V(preset). Unknown keys are rejected.
      - A slot keeps one backup of each period, the first restore-tested one or else the first. Ages have the units h,
        d, w, mo and y, or are V(forever). See docs/retention.md of the collection.
      - In any case, these are kept - the newest restore-tested backup of each database, the newest V(min_keep) (3),
        backups that are pinned or on hold, and those that a kept backup needs. A run that would delete more than
        V(max_delete_share) (30) percent of a database's backups is refused, and so is one while the clock looks wrong.
    type: dict
  cluster:
    description: Apply the policy only to backups of this PostgreSQL cluster.
    type: str
  database:
    description: Apply the policy only to backups of this database. It needs O(cluster).
    type: str
  force:
    description: Allow one run to delete more than the share that the policy allows.
    type: bool
    default: false
  replica:
    description: This store is a copy of another one, so its own times are meaningless.
    type: bool
    default: false
  garbage_age:
    description: How old an object that no backup lists must be before it is removed.
    type: str
    default: 1d
  lock_timeout:
    description: How long to wait for another run to end.
    type: str
    default: 10m
  keep_wal:
    description:
      - For how long a recovery to any time must be possible - an age as in O(policy). The write-ahead log is kept from
        the newest base backup that is older than that to the end of each timeline, and what each base backup that stays
        needs to be consistent. The rest is deleted, after the backups.
      - Without O(cluster), that is done for all servers of the application. With it, for those that have base backups
        there, and with O(database), for none.
    type: str
    default: 14d
"""
