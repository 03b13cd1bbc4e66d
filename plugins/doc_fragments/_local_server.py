# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which server of the host. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of modules that work on a server's own host, whether it runs or not."""

    DOCUMENTATION = r"""
options:
  data_dir:
    description: The data directory of the server.
    type: path
    required: true
  bin_dir:
    description: The directory of the programs of its version, such as C(/usr/lib/postgresql/17/bin).
    type: path
    required: true
  login_unix_socket:
    description: The directory of its socket.
    type: path
    default: /var/run/postgresql
  login_port:
    description: Its port, which names the socket.
    type: int
    default: 5432
notes:
  - Run it on the server's host as the user of the operating system who owns the data directory, and who is a superuser
    of the server by peer authentication, such as C(postgres) with C(become_user).
  - It needs nothing but Python and PostgreSQL on the host.
"""
