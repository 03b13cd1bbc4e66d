# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which URLs of receivers role notify leaves on a host."""

from __future__ import annotations

import typing as t

import role_variables

GIVEN = {"lifeboat_application": "shop", "lifeboat_store": {"url": "/srv/backups"}}


def test_a_validator_keeps_the_urls_of_the_hosts_that_it_validates() -> None:
    own: dict[str, t.Any] = {"lifeboat_application": "shop", "lifeboat_validators": ["db1"]}
    hosts = {
        "db2": {**own, "lifeboat_notify": [{"name": "operators"}], "lifeboat_pings": {"backup": {}}},
        "db3": {**own, "lifeboat_validators": ["other", "db1"], "lifeboat_notify": [{"name": "others"}]},
        "db4": {**own, "lifeboat_application": "crm", "lifeboat_notify": [{"name": "of-crm"}]},
        "db5": {"lifeboat_notify": [{"name": "of-nobody"}]},
    }
    known = {name: {"inventory_hostname": name, **variables} for name, variables in hosts.items()}
    kept = role_variables.evaluated(
        "notify_url_files_of_others",
        roles=("notify",),
        groups={"all": ["db1", *hosts]},
        hostvars=known,
        **GIVEN,
    )
    assert kept == [["notify-operators", "ping-backup"]]
