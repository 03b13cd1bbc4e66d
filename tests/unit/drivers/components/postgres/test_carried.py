# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a server another one may take over: its behaviour, and no path, no secret, and nothing of its neighbours."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import carried


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_connections", "200"),
        ("password_encryption", "scram-sha-256"),
        ("search_path", "app, public"),
        ("ssl", "on"),
        ("ssl_ciphers", "HIGH:!aNULL"),
        ("log_filename", "postgresql-%a.log"),
        ("log_file_mode", "0600"),
        ("timezone", "Europe/Berlin"),
        ("listen_addresses", "*"),
        ("pg_stat_statements.max", "1000"),
        ("cron.database_name", "shop"),
        ("plpgsql.extra_warnings", "all"),
        ("restrict_nonsystem_relation_kind", "view"),
        ("log_line_prefix", "%m it's \\ %u "),
        ("temp_file_limit", "10GB"),
        ("wal_level", "logical"),
    ],
)
def test_what_a_server_does_is_carried_over(name: str, value: str) -> None:
    assert carried.setting(name, value) == value


@pytest.mark.parametrize(
    "name",
    [
        *("archive_command", "archive_cleanup_command", "archive_library", "archive_mode", "restore_command"),
        *("recovery_target_time", "recovery_end_command", "primary_conninfo", "primary_slot_name"),
        *("synchronous_standby_names", "default_transaction_read_only", "hot_standby"),
        *("data_directory", "config_file", "hba_file", "ident_file", "external_pid_file", "log_directory"),
        *("unix_socket_directories", "unix_socket_group", "port", "cluster_name", "stats_temp_directory"),
        *("ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file", "ssl_crl_dir", "ssl_dh_params_file"),
        *("ssl_passphrase_command", "ssl_passphrase_command_supports_reload", "krb_server_keyfile"),
        *("dynamic_library_path", "extension_control_path", "oauth_validator_libraries", "jit_provider"),
        *("plperl.on_init", "plperl.on_plperlu_init", "pltcl.start_proc", "plv8.start_proc"),
        *("app.jwt_secret", "app.api_token", "crm.password", "ai.openai_api_key", "x.dsn", "anon.salt"),
        *("MAX_CONNECTIONS", "max connections", "a = b", "", "x\ny"),
    ],
)
def test_what_is_a_path_a_command_a_secret_or_no_name_stays(name: str) -> None:
    assert carried.setting(name, "anything") is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("search_path", "/etc"),
        ("log_filename", "../../cron.d/x"),
        ("max_connections", "1\nssl = off"),
        ("log_line_prefix", "%m\0"),
        ("app.address", "postgresql://shop:hunter2@db1/shop"),
        ("shared_preload_libraries", "/srv/own.so"),
        ("shared_preload_libraries", "$libdir/../own"),
        ("session_preload_libraries", "good, ../own"),
    ],
)
def test_a_value_that_reaches_elsewhere_stays(name: str, value: str) -> None:
    assert carried.setting(name, value) is None


def test_libraries_are_known_by_their_names() -> None:
    given = '$libdir/pgaudit, "pg_stat_statements", auto_explain.so'
    assert carried.setting("shared_preload_libraries", given) == "pgaudit,pg_stat_statements,auto_explain"
    assert carried.setting("shared_preload_libraries", "") == ""


def test_what_stays_is_named_and_its_value_is_not() -> None:
    kept, left = carried.settings({"port": "5433", "work_mem": "8MB", "archive_command": "curl -u me:hunter2"})
    assert (kept, left) == ({"work_mem": "8MB"}, ["archive_command", "port"])


def rule(**values: t.Any) -> dict[str, t.Any]:
    usual = {"type": "host", "databases": ["shop"], "users": ["app"], "address": "10.0.0.0", "netmask": "255.0.0.0"}
    return {**usual, "method": "scram-sha-256", "options": [], **values}


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({}, 'host "shop" "app" 10.0.0.0 255.0.0.0 scram-sha-256'),
        (
            {"type": "local", "address": None, "netmask": None, "databases": ["all"], "users": ["all"]},
            "local all all scram-sha-256",
        ),
        (
            {"databases": ["sameuser", "a,b", 'q"q'], "users": ["+readers", "@file", "all"], "method": "reject"},
            'host sameuser,"a,b","q""q" +"readers","@file",all 10.0.0.0 255.0.0.0 reject',
        ),
        ({"address": "all", "netmask": None}, 'host "shop" "app" all scram-sha-256'),
        (
            {
                "type": "hostssl",
                "address": ".example.com",
                "netmask": None,
                "method": "cert",
                "options": ["clientname=DN"],
            },
            'hostssl "shop" "app" .example.com cert "clientname=DN"',
        ),
        ({"address": "127.0.0.1", "netmask": "255.255.255.255", "method": "trust"}, None),
        ({"address": "samehost", "netmask": None, "method": "trust"}, None),
    ],
)
def test_a_rule_becomes_the_line_that_it_was(values: dict[str, t.Any], line: str | None) -> None:
    lines, left = carried.rules([rule(**values)])
    assert (len(lines), left) == (1, [])
    assert line is None or lines == [line]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"method": "trust"}, "without a password"),
        ({"method": "trust", "address": "127.0.0.1", "netmask": "0.0.0.0"}, "without a password"),
        ({"method": "trust", "address": "127.example.com", "netmask": None}, "without a password"),
        ({"method": "ldap", "options": ["ldapserver=x", "ldapbindpasswd"]}, "needs a password"),
        ({"method": "peer", "type": "local", "address": None, "netmask": None, "options": ["map=m"]}, "pg_ident.conf"),
        ({"type": "include"}, "malformed"),
        ({"users": ["app\nhost all all all trust"]}, "malformed"),
        ({"method": "trust\nhost"}, "malformed"),
        ({"address": "10.0.0.0 trust"}, "malformed"),
        ({"address": None}, "malformed"),
        ({"databases": [""]}, "malformed"),
    ],
)
def test_a_rule_that_lets_everybody_in_or_cannot_work_is_left_out_and_told(values: dict[str, t.Any], why: str) -> None:
    lines, left = carried.rules([rule(), rule(**values)])
    assert len(lines) == 1
    assert len(left) == 1
    assert left[0].startswith("Rule 2 of pg_hba.conf (")
    assert why in left[0]
    assert left[0].isprintable()


def test_a_password_in_a_rule_is_not_recorded() -> None:
    recorded = carried.without_secrets(rule(options=["ldapserver=x", "ldapbindpasswd=hunter2", "radiussecrets=a,b"]))
    assert recorded["options"] == ["ldapserver=x", "ldapbindpasswd", "radiussecrets"]
