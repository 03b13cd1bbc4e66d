# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks as people write them: what cannot be meant is refused by its place and key, before anything is asked."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.checks.parsing import Limits, parse

URL = "https://shop.example.com/"
SQL = {"database": "shop", "query": "SELECT 1"}


def login(**changes: t.Any) -> dict[str, t.Any]:
    return {"http": {"url": URL, "login": {"url": URL + "login", "form": {"email": "a@b"}, **changes}}}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            {"htpp": {"url": URL}},
            "checks[0].htpp is unknown. Did you mean http? Use some of name, within, timeout, http,",
        ),
        ({"http": {"url": URL, "contain": "x"}}, "checks[0].http.contain is unknown. Did you mean contains?"),
        ({"http": {"url": URL, "method": "POTS"}}, "checks[0].http.method 'POTS' is unknown. Did you mean POST?"),
        ({"http": {"url": "ftp://shop/"}}, "checks[0].http.url is no web address."),
        ({"http": {"url": "https://shop/\n"}}, "checks[0].http.url is missing or no text of one line."),
        ({"http": {"url": "https://me:sesame@shop/"}}, "checks[0].http.url holds a password."),
        ({"http": {"url": URL, "status": "ok"}}, "checks[0].http.status is no whole number from 100 to 599."),
        ({"http": {"url": URL, "headers": {"A": "b\r\nC: d"}}}, "checks[0].http.headers has a line break"),
        ({"http": "https://shop"}, "checks[0].http is no dictionary."),
        (login(form={"Password": "sesame"}), "checks[0].http.login.form.Password looks like a secret. Set "),
        (login(url="https://other.example.com/"), "checks[0].http.login.url is not on the host of the check"),
        (
            {"http": {"url": "http://shop/", "login": {"url": "http://shop/login"}}},
            "checks[0].http.login.url would send a password without TLS.",
        ),
        (login(secrets={}), "checks[0].http.login.secrets is unknown. Did you mean secret_files?"),
        ({"sql": SQL}, "checks[0].sql needs either expect or minimum."),
        ({"sql": {**SQL, "expect": 1, "minimum": 1}}, "checks[0].sql needs either expect or minimum."),
        ({"sql": {"query": "SELECT 1", "expect": 1}}, "checks[0].sql.database is missing or no text of one line."),
        ({"sql": {**SQL, "expect": 1, "login_password": "x"}}, "checks[0].sql.login_password is unknown. Did you mean"),
        ({"sql": {**SQL, "expect": 1, "ssl_mode": "verify"}}, "checks[0].sql.ssl_mode 'verify' is unknown."),
        ({"sql": {**SQL, "minimum": True}}, "checks[0].sql.minimum is no number."),
        ({"tcp": {"host": "relay"}}, "checks[0].tcp.port is no whole number from 1 to 65535."),
        ({"tcp": {"host": "relay", "port": 70000}}, "checks[0].tcp.port is no whole number from 1 to 65535."),
        ({"dns": {"name": "shop", "expect": "web1"}}, "checks[0].dns.expect is no list of addresses."),
        ({"dns": {"name": "shop"}}, "checks[0].dns.expect is no list of addresses."),
        ({"command": "pg_isready"}, "checks[0].command is no list of words."),
        ({"command": []}, "checks[0].command is no list of words."),
        ({"name": "nothing"}, "checks[0] has nothing to ask."),
        ({"tcp": {}, "dns": {}}, "checks[0] has tcp and dns."),
        ({"tcp": {"host": "a", "port": 1}, "within": "soon"}, "checks[0].within: 'soon' is not a duration."),
        ({"tcp": {"host": "a", "port": 1}, "timeout": "0"}, "checks[0].timeout is 0."),
        ("http", "checks[0] is no dictionary."),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_key(entry: t.Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse([entry], "checks")
    assert str(caught.value).startswith(said)
    assert "sesame" not in str(caught.value)


def test_two_checks_of_one_name_are_refused() -> None:
    check = {"name": "a", "tcp": {"host": "db1", "port": 5432}}
    with pytest.raises(UsageError, match="two checks named 'a'"):
        parse([check, check], "checks")


def test_a_check_has_its_own_times_or_those_of_all() -> None:
    entry = {"tcp": {"host": "db1", "port": 5432}}
    given = [{**entry, "name": "a"}, {**entry, "within": "1m", "timeout": "2s"}]
    first, second = parse(given, "checks", Limits(within=5.0, timeout=3.0))
    assert (first.name, first.within, first.timeout) == ("a", 5.0, 3.0)
    assert (second.name, second.within, second.timeout) == ("tcp db1 accepts connections on port 5432", 60.0, 2.0)


@pytest.mark.parametrize(
    ("entry", "changes"),
    [
        ({"http": {"url": URL}}, False),
        ({"http": {"url": URL, "method": "post"}}, True),
        (login(), True),
        ({"sql": {**SQL, "expect": 1}}, False),
        ({"write": SQL}, True),
        ({"tcp": {"host": "a", "port": 1}}, False),
        ({"dns": {"name": "a", "expect": "::1"}}, False),
        ({"command": ["true"]}, True),
    ],
)
def test_it_is_known_whether_asking_may_change_something(entry: dict[str, t.Any], changes: bool) -> None:
    (check,) = parse([entry], "checks")
    assert check.question.changes is changes
