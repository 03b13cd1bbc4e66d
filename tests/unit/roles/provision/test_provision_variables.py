# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What role provision makes of a recorded server on a host: packages, locales, settings and the cluster's command."""

from __future__ import annotations

import base64
import typing as t

import role_variables

SERVER: dict[str, t.Any] = {
    "version": "15.9",
    "major": 15,
    "checksums": True,
    "wal_segment_size": 64 << 20,
    "shared_buffers": 8 << 30,
    "encoding": "UTF8",
    "provider": "c",
    "collate": "de_DE.UTF-8",
    "ctype": "de_DE.utf8",
    "locale": None,
    "icu_rules": None,
    "settings": {
        "listen_addresses": "localhost, 10.0.0.11",
        "max_connections": "77",
        "old_setting": "on",
        "pg_stat_statements.max": "1234",
        "shared_buffers": "8GB",
    },
    "hba": ['host all "app" 10.0.0.0 255.0.0.0 scram-sha-256'],
    "extensions": {"pg_cron": "1.6", "plpgsql": "1.0", "postgis": "3.3", "postgis_topology": "3.3", "own": "1"},
    "libraries": ["pg_cron", "pg_stat_statements"],
    "locales": ["C.UTF-8", "de_DE.UTF-8", "de_DE.utf8", "fr_FR@euro", "xx_XX"],
    "tablespaces": [],
}
SUPPORTED = "# all\nC.UTF-8 UTF-8\nde_DE.UTF-8 UTF-8\nfr_FR@euro ISO-8859-15\n"


def evaluated(*expressions: str, server: dict[str, t.Any] | None = None, **given: t.Any) -> list[t.Any]:
    facts = {"memtotal_mb": 4096, "default_ipv4": {"address": "10.0.0.21"}, "distribution_release": "trixie"}
    host = {
        "lifeboat_application": "shop",
        "lifeboat_store": {"url": "/srv"},
        "ansible_facts": facts,
        "provision_record": {"server": SERVER | (server or {}), "left_out": ["Told."]},
        "provision_majors": {
            "stdout": "postgresql-14 - x\npostgresql-16 - x\npostgresql-17 - x\npostgresql-client - x"
        },
        "provision_known": {
            "stdout_lines": ["max_connections\tpostmaster", "Shared_Buffers\tx", "listen_addresses\tx"]
        },
        "provision_locales": {"stdout_lines": ["C", "C.utf8", "POSIX"]},
        "provision_i18n": {"content": base64.b64encode(SUPPORTED.encode()).decode()},
    }
    return role_variables.evaluated(*expressions, roles=("provision",), **{**host, **given})


def test_the_recorded_major_or_the_next_one() -> None:
    own = {"stdout": "postgresql-15 - x\npostgresql-17 - x"}
    assert evaluated("provision_major | int") == [16]
    assert evaluated("provision_major | int", provision_majors=own) == [15]
    assert evaluated("provision_major | int", server={"major": 18}) == [0]


def test_extensions_bring_their_packages() -> None:
    usual = ["postgresql-16-cron", "postgresql-16-postgis-3"]
    mine = {"own": "own-ext-%v", "pg_cron": ""}
    assert evaluated("provision_packages") == [usual]
    assert evaluated("provision_packages", lifeboat_extension_packages=mine) == [["own-ext-16", usual[1]]]
    there = ["/usr/share/postgresql/16/extension/plpgsql.control", "/usr/lib/postgresql/16/lib/pg_stat_statements.so"]
    found = {"files": [{"path": path} for path in there]}
    lacking = evaluated("provision_lacking | sort", provision_installed=found, lifeboat_extension_packages=mine)
    assert lacking == [["own", "postgis", "postgis_topology"]]


def test_locales_are_known_by_what_they_mean() -> None:
    lines, unknown = evaluated("provision_locale_lines | sort", "provision_locales_unknown")
    assert lines == ["de_DE.UTF-8 UTF-8", "fr_FR@euro ISO-8859-15"]
    assert unknown == ["xx_xx"]


def test_the_cluster_is_made_as_it_was() -> None:
    (made,) = evaluated("provision_creation")
    assert made[0] == "pg_createcluster"
    assert {"--encoding=UTF8", "--lc-collate=de_DE.UTF-8", "--lc-ctype=de_DE.utf8", "--port=5432"} <= set(made)
    assert made[made.index("--") :] == ["--", "--wal-segsize=64", "--data-checksums"]
    assert made[made.index("--") - 2 : made.index("--")] == ["16", "main"]
    icu = {"provider": "i", "locale": "de-u-co-phonebk", "icu_rules": "&V << w", "checksums": False}
    (made,) = evaluated("provision_creation", server=icu, provision_majors={"stdout": "postgresql-18 - x"})
    wanted = ["--no-data-checksums", "--locale-provider=icu", "--icu-locale=de-u-co-phonebk", "--icu-rules=&V << w"]
    assert made[made.index("--") + 2 :] == wanted


def test_settings_are_those_that_this_machine_can_have() -> None:
    configured, unknown, said = evaluated(
        "provision_configured", "provision_unknown", "provision_differences | select | list"
    )
    assert configured == {
        "listen_addresses": "localhost,10.0.0.21",
        "max_connections": "77",
        "pg_stat_statements.max": "1234",
        "shared_buffers": "1638MB",
    }
    assert unknown == ["old_setting"]
    assert said[0] == "Told."
    assert "16 takes the place of 15.9" in said[1]
    assert "1638 MB, 40 % of the memory of this host, instead of 8192 MB" in said[2]
    assert "old_setting" in said[3]


def test_who_sets_a_setting_has_the_last_word() -> None:
    mine = {"max_connections": None, "shared_buffers": "3GB", "listen_addresses": "*"}
    configured, said = evaluated(
        "provision_configured", "provision_differences | select | list", lifeboat_postgres_settings=mine
    )
    assert configured == {"listen_addresses": "*", "pg_stat_statements.max": "1234", "shared_buffers": "3GB"}
    assert "40 %" not in str(said)


def test_a_server_that_fits_is_left_as_it_was() -> None:
    fits = {"shared_buffers": 1 << 30, "settings": {"shared_buffers": "1GB"}}
    configured, said = evaluated(
        "provision_configured",
        "provision_differences | select | list",
        server=fits,
        provision_majors={"stdout": "postgresql-15 - x"},
    )
    assert configured == {"listen_addresses": "localhost", "shared_buffers": "1GB"}
    assert said == ["Told."]


def test_values_are_quoted() -> None:
    template = role_variables.ROLES / "provision/templates/lifeboat.conf.j2"
    text = role_variables.written(
        template, lifeboat_application="shop", lifeboat_store={}, provision_configured={"log_line_prefix": "it's \\ %u"}
    )
    assert text.splitlines()[1:] == ["log_line_prefix = 'it''s \\\\ %u'"]


def test_our_own_rule_comes_first() -> None:
    (rules,) = evaluated("provision_rules", lifeboat_postgres_hba=["host shop app samenet reject"])
    assert rules == ["local all postgres peer", "host shop app samenet reject", *SERVER["hba"]]


def test_somebody_elses_cluster_is_known() -> None:
    listed = {
        "stdout_lines": [
            "16 main 5432 online postgres /d /l",
            "15 old 5432 down postgres /d /l",
            "15 x 5499 down p /d /l",
        ]
    }
    there, neighbours = evaluated("provision_there", "provision_neighbours", provision_clusters=listed)
    assert (there, neighbours) == (["16/main"], ["15/old"])
