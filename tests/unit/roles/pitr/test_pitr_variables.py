# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which server is recovered, what confirms it, and whose key opens its backups."""

from __future__ import annotations

import typing as t

import pytest
import role_variables

LISTED = [
    "15 old  5433 down          postgres  /srv/pg/old                  /var/log/postgresql/postgresql-15-old.log",
    "17 main 5432 online        postgres  /var/lib/postgresql/17/main  /var/log/postgresql/postgresql-17-main.log",
    "17 gone 5434 down,binaries_missing <unknown> /var/lib/postgresql/17/gone /var/log/postgresql/gone.log",
]
GIVEN = {
    "lifeboat_application": "shop",
    "lifeboat_store": {"url": "s3://example-backups/postgresql"},
    "lifeboat_pitr_target": "latest",
    "pitr_listed": {"stdout_lines": LISTED},
    "pitr_status": {"rc": 0},
    "pitr_host": {"stdout": "db1"},
    "pitr_run": "0123456789abcdef",
}


def evaluated(*expressions: str, **given: t.Any) -> list[t.Any]:
    return role_variables.evaluated(*expressions, roles=("settings", "pitr"), **GIVEN | given)


def test_a_cluster_is_the_one_at_the_port_and_its_service_is_stopped_and_started() -> None:
    [cluster, stop, start] = evaluated("pitr_cluster", "pitr_stop", "pitr_start")
    assert cluster["data_dir"] == "/var/lib/postgresql/17/main"
    assert cluster["bin_dir"] == "/usr/lib/postgresql/17/bin"
    assert stop == ["systemctl", "stop", "postgresql@17-main"]
    assert start == ["systemctl", "start", "postgresql@17-main"]


def test_the_user_of_a_server_whose_data_are_gone_is_the_usual_one() -> None:
    assert evaluated("pitr_cluster.owner", lifeboat_login_port=5434) == ["postgres"]


def test_no_cluster_is_taken_for_another() -> None:
    assert evaluated("pitr_cluster is defined", lifeboat_login_port=5444) == [False]


@pytest.mark.parametrize(("port", "token"), [(5432, "17/main@db1"), (5433, "/srv/pg/old@db1")])
def test_the_token_is_what_the_module_asks_for(port: int, token: str) -> None:
    assert evaluated("pitr_token", lifeboat_login_port=port) == [token]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"lifeboat_recovery_key_file": "r.key"}, "recovery_key_file"),
        ({"lifeboat_recovery_key_file": "r.key", "lifeboat_opening_key_file": "o.json"}, "opening_key_file"),
    ],
)
def test_a_sealed_host_is_lent_the_key_that_can_do_least(given: dict[str, str], name: str) -> None:
    [keys] = evaluated("pitr_keys", **given)
    assert keys == {"roots_file": "/etc/lifeboat/roots", name: "/etc/lifeboat/keys/lent-0123456789abcdef.key"}


def test_a_host_with_a_single_key_is_lent_none() -> None:
    found = evaluated("pitr_lends_key", "pitr_keys", lifeboat_key_mode="single-key", lifeboat_recovery_key_file="r.key")
    assert found == [False, {"recovery_key_file": "/etc/lifeboat/keys/recovery.key"}]
