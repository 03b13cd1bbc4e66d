# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Checks of a running application as people write them: one list for services, steps of a plan, and tasks of one's own.

Each has a name and one of the kinds below. Whatever cannot be meant is refused by its place and key before anything is
asked.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import re
import typing as t
import urllib.parse

from ...drivers.checks.network import DnsQuestion, TcpQuestion
from ...drivers.checks.program import CommandQuestion
from ...drivers.checks.web import NOTHING, Form, WebQuestion
from ...drivers.components.base import Check
from ...drivers.components.postgres.live_checks import DatabaseQuestion
from ...drivers.components.postgres.login import Login, check_name
from ...ground.entries import argv, each, line, mapping, require_known, text, unknown, whole
from ...ground.errors import UsageError
from ...ground.units import parse_duration

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Entry: t.TypeAlias = "Mapping[str, t.Any]"

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

_ALWAYS = ("name", "within", "timeout")
_HTTP = ("url", "method", "status", "contains", "json", "headers", "body", "at", "ca_cert", "login")
_LOGIN = ("url", "form", "secret_files")
_SERVER = {
    "login_host": "host",
    "login_port": "port",
    "login_user": "user",
    "login_password_file": "password_file",
    "login_unix_socket": "unix_socket",
    "ssl_mode": "ssl_mode",
    "ca_cert": "ca_cert",
    "ssl_cert": "ssl_cert",
    "ssl_key": "ssl_key",
}
_SQL = ("database", "query", "expect", "minimum", *_SERVER)
_SECRET = re.compile(r"passw|pwd|secret|token", re.IGNORECASE)


class Question(t.Protocol):
    """Something that can be asked of a running application."""

    @property
    def changes(self) -> bool:
        """Whether asking may change something."""

    @property
    def wanted(self) -> str:
        """What is expected, as the rest of a sentence."""

    def ask(self, timeout: float, environ: Mapping[str, str]) -> str:
        """Return what came instead, an empty string for what is wanted. Raise UsageError where asking is in vain."""


@dataclasses.dataclass(frozen=True, slots=True)
class SmokeCheck:
    """A question that is asked again until its answer is right or `within` seconds have passed; a try has `timeout`."""

    name: str
    kind: str
    question: Question
    within: float
    timeout: float


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What counts for a check that says none: how long it is tried, and one try. `writes` may have to be refused."""

    within: float = 0.0
    timeout: float = 10.0
    writes_refused: bool = False


def parse(entries: Iterable[t.Any], field: str, limits: Limits | None = None) -> tuple[SmokeCheck, ...]:
    """Read the checks of this field. Raise UsageError that names the key at fault."""
    found: list[SmokeCheck] = []
    for number, entry in enumerate(entries):
        check = _check(mapping(entry, f"{field}[{number}]"), f"{field}[{number}]", limits or Limits())
        if any(check.name == other.name for other in found):
            raise UsageError(
                f"{field} has two checks named {check.name!r}.", "Give each its own name.", field=f"{field}[{number}]"
            )
        found.append(check)
    return tuple(found)


def _check(entry: Entry, field: str, limits: Limits) -> SmokeCheck:
    require_known(entry, (*_ALWAYS, *KINDS), field)
    kinds = [kind for kind in KINDS if kind in entry]
    if len(kinds) != 1:
        raise UsageError(
            f"{field} has {' and '.join(kinds) or 'nothing to ask'}.", f"Set one of {', '.join(KINDS)}.", field=field
        )
    (kind,) = kinds
    place = f"{field}.{kind}"
    question = KINDS[kind](entry[kind], place, limits)
    name = text(entry, "name", field) if "name" in entry else f"{kind} {question.wanted}"
    timeout = _seconds(entry, "timeout", field, limits.timeout)
    if not timeout:
        raise UsageError(f"{field}.timeout is 0.", "Set a time such as 10s.", field=f"{field}.timeout")
    return SmokeCheck(name, kind, question, _seconds(entry, "within", field, limits.within), timeout)


def _http(value: t.Any, field: str, _limits: Limits) -> WebQuestion:
    entry = mapping(value, field)
    require_known(entry, _HTTP, field)
    url, method = _url(entry, field), str(entry.get("method", "GET")).upper()
    if method not in METHODS:
        raise unknown(f"{field}.method {method!r}", method, METHODS)
    statuses = tuple(whole(one, place, 100, 599) for one, place in each(entry, "status", field))
    contains = tuple(line(one, place) for one, place in each(entry, "contains", field))
    headers, body = _body(entry, field)
    return WebQuestion(
        url=url,
        method=method,
        statuses=statuses,
        contains=contains,
        expected=entry.get("json", NOTHING),
        headers=headers,
        body=body,
        at=line(entry["at"], f"{field}.at") if "at" in entry else "",
        ca_cert=line(entry["ca_cert"], f"{field}.ca_cert") if "ca_cert" in entry else "",
        login=_login(entry["login"], f"{field}.login", url) if "login" in entry else None,
    )


def _body(entry: Entry, field: str) -> tuple[dict[str, str], bytes]:
    headers = {name: str(value) for name, value in mapping(entry.get("headers", {}), f"{field}.headers").items()}
    for name, value in headers.items():
        if not f"{name}{value}".isprintable() or not name.isascii():
            raise UsageError(
                f"{field}.headers has a line break or a control character.",
                "Correct it.",
                field=f"{field}.headers",
            )
    body = entry.get("body", "")
    if isinstance(body, str):
        return headers, body.encode()
    return {"Content-Type": "application/json", **headers}, json.dumps(body).encode()


def _login(value: t.Any, field: str, url: str) -> Form:
    entry = mapping(value, field)
    require_known(entry, _LOGIN, field)
    place = _url(entry, field)
    here, there = urllib.parse.urlsplit(url), urllib.parse.urlsplit(place)
    if (here.scheme, here.hostname) != (there.scheme, there.hostname):
        raise UsageError(
            f"{field}.url is not on the host of the check, which would not get its cookies.",
            "Use the scheme and the host of the check's url.",
            field=f"{field}.url",
        )
    if there.scheme == "http" and there.hostname not in LOCAL:
        raise UsageError(
            f"{field}.url would send a password without TLS.",
            "Use https, or localhost, or https with at and ca_cert.",
            field=f"{field}.url",
        )
    fields = {name: str(one) for name, one in mapping(entry.get("form", {}), f"{field}.form").items()}
    for name in filter(_SECRET.search, fields):
        raise UsageError(
            f"{field}.form.{name} looks like a secret.",
            f"Set {field}.secret_files.{name} to a file of mode 0600 with the value on its first line.",
            field=f"{field}.form.{name}",
        )
    files = mapping(entry.get("secret_files", {}), f"{field}.secret_files")
    return Form(place, fields, {name: line(path, f"{field}.secret_files.{name}") for name, path in files.items()})


def _sql(value: t.Any, field: str, _limits: Limits) -> DatabaseQuestion:
    question = _database(value, field, _SQL)
    if (question.check.expect is None) == (question.check.minimum is None):
        raise UsageError(f"{field} needs either expect or minimum.", "Set one of them.", field=field)
    return question


def _write(value: t.Any, field: str, limits: Limits) -> DatabaseQuestion:
    question = _database(value, field, _SQL)
    return dataclasses.replace(question, writes=True, refused=limits.writes_refused)


def _database(value: t.Any, field: str, known: tuple[str, ...]) -> DatabaseQuestion:
    entry = mapping(value, field)
    require_known(entry, known, field)
    minimum = entry.get("minimum")
    if minimum is not None and (isinstance(minimum, bool) or not isinstance(minimum, int | float)):
        raise UsageError(f"{field}.minimum is no number.", "Use one such as 1.", field=f"{field}.minimum")
    if entry.get("ssl_mode", "prefer") not in SSL_MODES:
        raise unknown(f"{field}.ssl_mode {entry['ssl_mode']!r}", str(entry["ssl_mode"]), SSL_MODES)
    login = {name: entry[key] for key, name in _SERVER.items() if entry.get(key) is not None}
    login["port"] = whole(entry.get("login_port", 5432), f"{field}.login_port", 1, 65535)
    query = entry.get("query")
    if not isinstance(query, str) or not query.strip() or "\0" in query:
        raise UsageError(f"{field}.query is missing.", "Set it.", field=f"{field}.query")
    database = check_name(text(entry, "database", field), f"{field}.database")
    return DatabaseQuestion(database, Check("", query, entry.get("expect"), minimum), Login(**login))


def _tcp(value: t.Any, field: str, _limits: Limits) -> TcpQuestion:
    entry = mapping(value, field)
    require_known(entry, ("host", "port"), field)
    return TcpQuestion(text(entry, "host", field), whole(entry.get("port"), f"{field}.port", 1, 65535))


def _dns(value: t.Any, field: str, _limits: Limits) -> DnsQuestion:
    entry = mapping(value, field)
    require_known(entry, ("name", "expect"), field)
    try:
        expect = frozenset(ipaddress.ip_address(str(one)) for one, _place in each(entry, "expect", field))
    except ValueError:
        expect = frozenset()
    if not expect:
        raise UsageError(
            f"{field}.expect is no list of addresses.",
            "Set the addresses that the name must have, such as [10.0.0.21].",
            field=f"{field}.expect",
        )
    return DnsQuestion(text(entry, "name", field), expect)


def _command(value: t.Any, field: str, _limits: Limits) -> CommandQuestion:
    return CommandQuestion(tuple(argv(value, field)))


KINDS: Mapping[str, Callable[[t.Any, str, Limits], Question]] = {
    "http": _http,
    "sql": _sql,
    "write": _write,
    "tcp": _tcp,
    "dns": _dns,
    "command": _command,
}
"""What can be asked."""


def _url(entry: Entry, field: str) -> str:
    url = text(entry, "url", field)
    try:
        parts = urllib.parse.urlsplit(url)
        fits = bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.scheme not in {"http", "https"} or not re.fullmatch(r"[!-~]+", url):
        raise UsageError(
            f"{field}.url is no web address.", "Use one such as https://shop.example.com/health.", field=f"{field}.url"
        )
    if "@" in parts.netloc:
        raise UsageError(f"{field}.url holds a password.", "Use a login form instead.", field=f"{field}.url")
    return url


def _seconds(entry: Entry, key: str, field: str, otherwise: float) -> float:
    return parse_duration(str(entry[key]), f"{field}.{key}") if key in entry else otherwise
