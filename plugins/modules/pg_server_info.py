#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what backups recorded of their PostgreSQL server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_server_info
short_description: Read what backups recorded of their PostgreSQL server
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Reads from the backups of a cluster what a server needs that takes the place of theirs, when that one is lost. It
    contacts no server.
  - Settings, access rules, locale and tablespaces are those of the newest of these backups; extensions are those of
    all.
  - What belongs to the old machine alone is left out, such as paths, ports, the commands that archive WAL, and names of
    standbys; and so are settings and rules that hold a secret, or let everybody in. RV(left_out) names it.
  - It needs a key that decrypts, such as an opening key.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery
  - lifeboat.recovery._attributes.info_module
  - lifeboat.recovery._keys
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.cluster
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
options:
  store:
    required: true
  database:
    description: Read only the backup of this database. Without it, those of all databases of the cluster are read.
    type: str
  backup:
    description:
      - The id of a backup, V(latest), or V(latest before <time>), such as C(latest before 2026-11-20T10:00:00Z).
      - An id needs O(database).
    type: str
    default: latest
"""

EXAMPLES = r"""
- name: Read what the lost server was
  lifeboat.recovery.pg_server_info:
    application: shop
    cluster: db1
    store:
      url: s3://example-backups/postgresql
    keys:
      opening_key_file: /etc/lifeboat/keys/opening.json
      roots_file: /etc/lifeboat/roots
  register: lost
"""

RETURN = r"""
server:
  description:
    - The server. C(shared_buffers) and C(wal_segment_size) are bytes; C(hba) has lines for C(pg_hba.conf); C(settings)
      has values as the configuration file takes them, in quotes.
    - C(provider) is C(c) for a locale of the system, C(i) for ICU, C(b) for a built-in one. C(locales) are those of the
      system that the server and its databases use.
    - C(package) is what the server says of its package; it may be empty.
  returned: success
  type: dict
  sample:
    version: "17.6"
    major: 17
    package: Debian 17.6-0+deb13u1
    checksums: true
    wal_segment_size: 16777216
    shared_buffers: 134217728
    encoding: UTF8
    provider: c
    collate: de_DE.UTF-8
    ctype: de_DE.UTF-8
    locale:
    icu_rules:
    settings: {max_connections: "200", shared_preload_libraries: pg_stat_statements}
    hba: ['hostssl "shop" "shop" 10.0.0.0 255.255.255.0 scram-sha-256']
    extensions: {pg_stat_statements: "1.11", plpgsql: "1.0"}
    libraries: [pg_stat_statements]
    locales: [de_DE.UTF-8]
    tablespaces: [{name: fast, location: /srv/fast}]
backups:
  description: The backups that were read, by database.
  returned: success
  type: dict
  sample:
    shop: backup-20261120T100000Z-0123456789abcdef
left_out:
  description: What is not in RV(server) and why, in sentences.
  returned: success
  type: list
  elements: str
"""

from ..module_utils._argspec import ArgumentSpec, cluster, repository
from ..module_utils._engine.operations.databases.recorded_server import RecordedServerRequest, read_server
from ..module_utils._module import Given, run

SPEC = ArgumentSpec({"database": {"type": "str"}, "backup": {"type": "str", "default": "latest"}})


def request(given: Given) -> RecordedServerRequest:
    """Return the options as the engine takes them."""
    return RecordedServerRequest(
        repository=given.repository(),
        cluster=given["cluster"],
        database=given["database"],
        backup=given["backup"],
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(repository(), cluster()), request, read_server)


if __name__ == "__main__":
    main()
