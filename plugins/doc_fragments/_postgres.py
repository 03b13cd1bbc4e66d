# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to reach the server. Kept equal to plugins/module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that community.postgresql has too."""

    DOCUMENTATION = r"""
options:
  login_host:
    description: The host that runs PostgreSQL. Without it and O(login_unix_socket), the default sockets are tried.
    type: str
  login_port:
    description: The port, which names the socket too.
    type: int
    default: 5432
  login_user:
    description: The database role. By default it has the name of the user who runs the module.
    type: str
  login_password:
    description:
      - The password. Prefer peer authentication, O(login_password_file) or C(~/.pgpass) - Ansible may write a module's
        options into files.
    type: str
  login_password_file:
    description: A file with the password on its first line, which only its owner may read.
    type: path
  login_unix_socket:
    description: The directory of the server's socket. It takes precedence over O(login_host).
    type: path
  ssl_mode:
    description: How TLS is used, as in libpq. Only V(verify-full) verifies the identity of the server.
    type: str
    choices: [disable, allow, prefer, require, verify-ca, verify-full]
    default: prefer
  ca_cert:
    description: A file with the certificates of the authorities that the server's certificate may come from.
    type: path
  ssl_cert:
    description: A file with the client's certificate, for a server that asks for one. It needs O(ssl_key) too.
    type: path
  ssl_key:
    description: A file with the key of O(ssl_cert), which only its owner may read.
    type: path
"""
