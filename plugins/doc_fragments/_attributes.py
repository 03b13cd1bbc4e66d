# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module says about check mode, diff mode, idempotence and its action group."""

from __future__ import annotations


class ModuleDocFragment:
    """The wording, once; each module states its own support."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will say in diff mode what has changed, or in C(check_mode) would change.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second run reports no change.
"""

    ACTIONGROUP_RECOVERY = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/lifeboat.recovery.recovery) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - lifeboat.recovery.recovery
"""

    ACTIONGROUP_AUDITED = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/lifeboat.recovery.audited) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - lifeboat.recovery.audited
"""

    ACTIONGROUP_POSTGRESQL = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/lifeboat.recovery.postgresql) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - lifeboat.recovery.postgresql
"""

    ACTIONGROUP_RECOVERY_AUDITED = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/lifeboat.recovery.recovery) and C(group/lifeboat.recovery.audited) in
        C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - lifeboat.recovery.recovery
      - lifeboat.recovery.audited
"""

    ACTIONGROUP_RECOVERY_POSTGRESQL = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/lifeboat.recovery.recovery) and C(group/lifeboat.recovery.postgresql) in
        C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - lifeboat.recovery.recovery
      - lifeboat.recovery.postgresql
"""

    ACTIONGROUP_ALL = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/lifeboat.recovery.recovery), C(group/lifeboat.recovery.audited) and
        C(group/lifeboat.recovery.postgresql) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - lifeboat.recovery.recovery
      - lifeboat.recovery.audited
      - lifeboat.recovery.postgresql
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This action does not modify state.
  diff_mode:
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    support: full
    details:
      - This action does not modify state.
"""

    PROGRESS = r"""
options: {}
notes:
  - While it runs, a task shows one line of progress every C(lifeboat_progress_interval) seconds, a variable whose
    default is V(15); V(0) turns it off. For that the task runs as a job on the host, whose module file, with its
    options in it, lies in Ansible's temporary directory until the end. Tasks with C(async), with C(no_log), in
    check mode, or with C(login_password) run without it, and so do tasks whose connection or privileges do not allow a
    job.
  - Progress needs the directory C(status) below O(state_dir), where C(lifeboat status) on the host shows it too.
"""
