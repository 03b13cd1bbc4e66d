# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which settings of a server another server may take over, and which of its access rules.

Both are judged twice: when a backup records them, so that no secret gets into it, and when they are read back, since a
stolen host may have written what it liked. What belongs to one machine stays there: paths, addresses, commands that
archive or restore WAL, standbys that a commit waits for.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ....ground.printing import printable
from .settings import split_list

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LIBRARIES = frozenset({"local_preload_libraries", "session_preload_libraries", "shared_preload_libraries"})

_BOUND = frozenset(
    {
        "allow_alter_system",
        "archive_mode",
        "bonjour",
        "bonjour_name",
        "cluster_name",
        "default_transaction_read_only",
        "event_source",
        "hot_standby",
        "huge_pages",
        "jit_provider",
        "port",
        "primary_slot_name",
        "promote_trigger_file",
        "session_replication_role",
        "sync_replication_slots",
        "synchronized_standby_slots",
        "synchronous_standby_names",
        "transaction_read_only",
        "unix_socket_group",
    }
)
"""Settings of one machine, or of its part among others; a commit would wait for a standby that nobody has."""

# Archiving into the history of the old server would damage it; the rest names files, programs and passwords.
_BOUND_FORMS = re.compile(
    r"\A(archive|recovery|restore|primary)_"
    r"|\Assl_\w*(file|dir|command|reload)\Z"
    r"|(command|conninfo|directory|directories|file|_dir|_libraries|_library|library_path|control_path)\Z"
    r"|\.(\w+_)?(init|proc)\Z"
)
_SECRET_FORMS = re.compile(r"passw|secret|token|credential|conninfo|(\b|_)(dsn|key|salt)(_|\Z)|apikey|private")

_NAME = re.compile(r"[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)*")
_LIBRARY = re.compile(r"(?:\$libdir/(?:plugins/)?)?([A-Za-z0-9_][A-Za-z0-9_-]*?)(?:\.so)?")
_LOGIN_IN_URL = re.compile(r"\w://[^/\s]*:[^/\s]*@")


def setting(name: str, value: str) -> str | None:
    """Return the value that another server may have, None where the setting stays with this one."""
    if not _NAME.fullmatch(name) or not value.isprintable():
        return None
    if name in LIBRARIES:
        found = [_LIBRARY.fullmatch(word) for word in split_list(value)]
        return ",".join(match[1] for match in found if match) if all(found) else None
    if name in _BOUND or _BOUND_FORMS.search(name):
        return None
    # An extension's settings have names of its own choice; a password may be among them.
    hidden = "." in name and _SECRET_FORMS.search(name)
    return None if hidden or value.startswith("/") or "../" in value or _LOGIN_IN_URL.search(value) else value


def settings(found: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the settings that another server may have, and the names of the others."""
    judged = {name: setting(name, value) for name, value in sorted(found.items())}
    return (
        {name: value for name, value in judged.items() if value is not None},
        [name for name, value in judged.items() if value is None],
    )


_SECRET_OPTIONS = ("ldapbindpasswd", "radiussecret", "oauth_validator_secret")
_TYPES = frozenset({"local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"})
_DATABASES = frozenset({"all", "sameuser", "samerole", "samegroup", "replication"})
_ADDRESSES = frozenset({"all", "samehost", "samenet"})
_METHOD = re.compile(r"[a-z][a-z0-9-]*")
_ADDRESS = re.compile(r"[A-Za-z0-9:._%-]+")
_ALONE = frozenset({("samehost", None), ("localhost", None), ("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")})

Rule = dict[str, t.Any]


def without_secrets(rule: Mapping[str, t.Any]) -> Rule:
    """Return an access rule with the names alone of options that hold a secret."""
    return {**rule, "options": [_plain(option) for option in rule["options"]]}


def _plain(option: str) -> str:
    name = option.partition("=")[0]
    return name if name.startswith(_SECRET_OPTIONS) else option


def rules(recorded: Iterable[Mapping[str, t.Any]]) -> tuple[list[str], list[str]]:
    """Return the lines of pg_hba.conf for these rules, and a sentence about each that is left out."""
    lines: list[str] = []
    left: list[str] = []
    for number, rule in enumerate(recorded, 1):
        why = _against(rule)
        if why:
            left.append(f"Rule {number} of pg_hba.conf ({_shown(rule)}) is left out: {why}.")
        else:
            lines.append(_line(rule))
    return lines, left


def _against(rule: Mapping[str, t.Any]) -> str:
    """Say why a rule is not for another server, or return nothing."""
    address, options = rule["address"] or "", [str(option) for option in rule["options"]]
    texts = [*rule["databases"], *rule["users"], *options]
    if (
        rule["type"] not in _TYPES
        or not _METHOD.fullmatch(rule["method"])
        or not all(text and str(text).isprintable() for text in texts)
        or not all(map(_ADDRESS.fullmatch, filter(None, (rule["address"], rule["netmask"]))))
        or bool(address) == (rule["type"] == "local")
    ):
        return "it is malformed"
    if rule["method"] == "trust" and address and not _is_here(address, rule["netmask"]):
        return "it lets everybody on the network in without a password"
    if any(option.startswith(_SECRET_OPTIONS) for option in options):
        return "it needs a password, which no backup holds"
    if any(option.startswith("map=") for option in options):
        return "it needs a map of pg_ident.conf, which no backup holds"
    return ""


def _is_here(address: str, netmask: str | None) -> bool:
    """Whether only the machine itself has this address."""
    if (address, netmask) in _ALONE:
        return True
    try:
        return netmask is not None and ipaddress.IPv4Network(f"{address}/{netmask}", strict=False).is_loopback
    except ValueError:
        return False


def _line(rule: Mapping[str, t.Any]) -> str:
    databases = ",".join(name if name in _DATABASES else _quoted(name) for name in rule["databases"])
    users = ",".join(map(_user, rule["users"]))
    where = [word for word in (rule["address"], rule["netmask"]) if word]
    return " ".join([rule["type"], databases, users, *where, rule["method"], *map(_quoted, rule["options"])])


def _user(name: str) -> str:
    if name == "all":
        return name
    return "+" + _quoted(name[1:]) if name.startswith("+") else _quoted(name)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _shown(rule: Mapping[str, t.Any]) -> str:
    words: Sequence[object] = (rule["type"], rule["databases"], rule["users"], rule["address"], rule["method"])
    shown = (",".join(map(str, word)) if isinstance(word, list) else str(word or "") for word in words)
    return printable(" ".join(word for word in shown if word))
