# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Application, cluster, the host's memory, and requirements. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """One part for each function of the argument specification."""

    DOCUMENTATION = r"""
options:
  application:
    description:
      - The application that the backups belong to. It is the first part of every name in the store.
      - 1 to 63 lower-case letters, digits, dots, underscores and hyphens that begin with a letter or digit.
    type: str
    required: true
"""

    STATE_DIR = r"""
options:
  state_dir:
    description:
      - Where this host keeps receipts of the backups that it made, and shows the progress of running work.
      - If it does not exist, nothing is recorded and no progress is shown.
    type: path
    default: /var/lib/lifeboat
"""

    REQUESTED_BY = r"""
options:
  requested_by:
    description:
      - The person, or the job, that requested this, for the audit log in O(state_dir).
      - By default, the operating system's user who runs the module. The log names that one in any case.
    type: str
  ticket:
    description:
      - Ticket with the reason, such as V(INC-4711). It goes into the audit log, its reports and the notifications, and
        into C(metadata) of the table of M(lifeboat.recovery.backup_log).
    type: str
"""

    CLUSTER = r"""
options:
  cluster:
    description:
      - The name of this PostgreSQL cluster in the store.
    type: str
    default: main
"""

    REQUIREMENTS = r"""
options: {}
requirements:
  - Python >= 3.11 on the host that runs the module
  - cryptography >= 47
  - backports.zstd (Python < 3.14)
  - obstore (stores other than a local directory)
"""

    REQUIREMENTS_POSTGRES = r"""
options: {}
requirements:
  - psycopg >= 3
  - PostgreSQL's client programs, of the server's major version or a later one
"""
