#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the databases of a PostgreSQL server that a backup would take."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_databases_info
short_description: List the databases of a PostgreSQL server
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Lists the databases that allow connections. Left out are templates, and what M(lifeboat.recovery.pg_restore) is
    filling or keeps as the replaced database.
  - A database whose C(DROP DATABASE) was interrupted is left out with a warning, because nobody can connect to it.
  - With O(application) the answer is kept on this host, so that what watches the backups knows which databases the
    server has.
  - A name alone hides no database. What a restore keeps is known from O(state_dir), and a database that only has such
    a name is listed, with a warning.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_postgresql
  - lifeboat.recovery._attributes.info_module
  - lifeboat.recovery._postgres
  - lifeboat.recovery._repository.cluster
  - lifeboat.recovery._repository.state_dir
options:
  application:
    description: Whose databases they are. Without it nothing is kept.
    type: str
  login_db:
    description:
      - The database to ask in. Without it, V(postgres), or V(template1) where there is no database of that name.
    type: str
  include:
    description: Shell-style patterns of the names that are wanted.
    type: list
    elements: str
    default: ["*"]
  exclude:
    description: Shell-style patterns of the names that are not.
    type: list
    elements: str
requirements:
  - psycopg
"""

EXAMPLES = r"""
- name: Find the databases of the shop
  lifeboat.recovery.pg_databases_info:
    login_unix_socket: /var/run/postgresql
    include: [shop, shop_*]
  register: found
"""

RETURN = r"""
names:
  description: Their names, in order.
  returned: success
  type: list
  elements: str
databases:
  description: The databases. Sizes are bytes, 0 where the role may not connect.
  returned: success
  type: list
  elements: dict
  sample:
    - name: shop
      size: 5368709120
      owner: shop
      encoding: UTF8
left_out:
  description: The names of the others.
  returned: success
  type: list
  elements: str
absent:
  description: Names in O(include) that no database has.
  returned: success
  type: list
  elements: str
all:
  description: How many databases there are before patterns are applied.
  returned: success
  type: int
"""

from ..module_utils._argspec import ArgumentSpec, cluster, postgres, state_dir
from ..module_utils._engine.operations.databases.discovery import DiscoveryRequest, find_databases
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "login_db": {"type": "str"},
        "include": {"type": "list", "elements": "str", "default": ["*"]},
        "exclude": {"type": "list", "elements": "str"},
        "application": {"type": "str"},
    },
)


def request(given: Given) -> DiscoveryRequest:
    """Return the options as the engine takes them."""
    return DiscoveryRequest(
        login=given.login(),
        login_db=given["login_db"] or "",
        include=given.many("include"),
        exclude=given.many("exclude"),
        application=given["application"] or "",
        cluster=given["cluster"],
        state_dir=given["state_dir"],
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(cluster(), postgres(), state_dir()), request, find_databases)


if __name__ == "__main__":
    main()
