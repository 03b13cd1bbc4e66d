# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user asks of restored data. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of checks."""

    DOCUMENTATION = r"""
options:
  checks:
    description:
      - Queries with an expected result, each with O(checks.expect) or O(checks.minimum). They run in a read-only
        transaction.
      - In O(target_db) they can read tables and materialized views, but not views or foreign tables. The owners of
        these tables can run code with the rights of C(login_user) there, so a role that may do more than read what it
        was granted, such as a superuser or a member of C(pg_read_all_data), is rejected.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the check in results. The default is the query.
        type: str
      query:
        description: The query.
        type: str
        required: true
      expect:
        description: The value, if the query returns one row with one column, or else a list of rows.
        type: raw
      minimum:
        description: The least number.
        type: float
      database:
        description: Run it only for this O(database).
        type: str
  check_timeout:
    description: How long one of the O(checks) may take, such as V(60s) or V(5m).
    type: str
    default: 60s
  critical_tables:
    description: Tables that must exist, with a minimum number of rows.
    type: list
    elements: dict
    suboptions:
      name:
        description: The table, as C(schema.table).
        type: str
        required: true
      minimum_rows:
        description: The least number of rows.
        type: int
        default: 1
      database:
        description: Require it only for this O(database).
        type: str
"""
