# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The options that modules share, each specified once: one function for each doc fragment, under the same name.

This file is private to the collection. A test holds it and the fragments in plugins/doc_fragments together.
"""

from __future__ import annotations

import typing as t

from ._engine.ground.host_state import DIRECTORY

Options = dict[str, dict[str, t.Any]]

SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class ArgumentSpec:
    """What an AnsibleModule is made with, in pieces that merge."""

    def __init__(
        self,
        options: Options,
        *,
        required_if: t.Sequence[t.Sequence[t.Any]] = (),
        required_one_of: t.Sequence[t.Sequence[str]] = (),
        mutually_exclusive: t.Sequence[t.Sequence[str]] = (),
        required_by: t.Mapping[str, t.Sequence[str]] | None = None,
    ) -> None:
        self.options = options
        self.required_if = list(required_if)
        self.required_one_of = list(required_one_of)
        self.mutually_exclusive = list(mutually_exclusive)
        self.required_by = dict(required_by or {})

    def merge(self, *others: ArgumentSpec) -> ArgumentSpec:
        """Return one specification with the options and rules of all."""
        every = (self, *others)
        return ArgumentSpec(
            {name: option for spec in every for name, option in spec.options.items()},
            required_if=[rule for spec in every for rule in spec.required_if],
            required_one_of=[rule for spec in every for rule in spec.required_one_of],
            mutually_exclusive=[rule for spec in every for rule in spec.mutually_exclusive],
            required_by={name: needed for spec in every for name, needed in spec.required_by.items()},
        )

    def to_kwargs(self) -> dict[str, t.Any]:
        """Return the keyword arguments of AnsibleModule."""
        return {
            "argument_spec": self.options,
            "required_if": self.required_if,
            "required_one_of": self.required_one_of,
            "mutually_exclusive": self.mutually_exclusive,
            "required_by": self.required_by,
            "supports_check_mode": True,
        }


def application() -> ArgumentSpec:
    """Which application's backups."""
    return ArgumentSpec({"application": {"type": "str", "required": True}})


def store(*, required: bool = True) -> ArgumentSpec:
    """Where the backups lie. Pass `required=False` where only some states of a module need a store."""
    suboptions: Options = {
        "url": {"type": "str", "required": True},
        "endpoint": {"type": "str"},
        "region": {"type": "str"},
        "ca_cert": {"type": "path"},
        "credentials_file": {"type": "path"},
        "profile": {"type": "str"},
        "checksums": {"type": "bool"},
    }
    option: dict[str, t.Any] = {"type": "dict", "options": suboptions}
    return ArgumentSpec({"store": option | {"required": True} if required else option})


def keys() -> ArgumentSpec:
    """Which keys this host has. They are paths, not secrets, so none is hidden from logs."""
    suboptions: Options = {
        "recovery_key_file": {"type": "path", "no_log": False},
        "signer_file": {"type": "path", "no_log": False},
        "digest_key_file": {"type": "path", "no_log": False},
        "opening_key_file": {"type": "path", "no_log": False},
        "roots": {"type": "list", "elements": "str"},
        "roots_file": {"type": "path"},
    }
    return ArgumentSpec({"keys": {"type": "dict", "no_log": False, "options": suboptions}})


def dumping() -> ArgumentSpec:
    """Return the options of what of a database is dumped, how, and what is refused."""
    return ArgumentSpec(
        {
            "schemas": {"type": "list", "elements": "str"},
            "tables": {"type": "list", "elements": "str"},
            "compression": {"type": "str", "default": "zstd:3"},
            "proof": {"type": "str", "choices": ["none", "counts", "content"], "default": "counts"},
            "proof_time_budget": {"type": "str"},
            "min_bytes": {"type": "str", "default": "0"},
            "max_shrink": {"type": "int", "default": 50},
            "accept_shrink": {"type": "bool", "default": False},
            "allow_empty": {"type": "bool", "default": False},
            "accept_warnings": {"type": "list", "elements": "str"},
            "lock_timeout": {"type": "str", "default": "10s"},
        }
    )


def state_dir() -> ArgumentSpec:
    """Where the host remembers."""
    return ArgumentSpec({"state_dir": {"type": "path", "default": DIRECTORY}})


def requested_by() -> ArgumentSpec:
    """Who asked for what a module does, and where that is written down."""
    return ArgumentSpec({"requested_by": {"type": "str"}, "ticket": {"type": "str"}})


def repository() -> ArgumentSpec:
    """The options of every module that works on an application's backups."""
    return application().merge(store(), keys(), state_dir())


def anomalies() -> ArgumentSpec:
    """When a backup is suspicious."""
    suboptions: Options = {
        "window": {"type": "int"},
        "minimum": {"type": "int"},
        "deviations": {"type": "float"},
        "shrink": {"type": "int"},
        "growth": {"type": "int"},
        "collapse": {"type": "int"},
        "table_rows": {"type": "int"},
        "since": {"type": "str"},
    }
    return ArgumentSpec({"anomalies": {"type": "dict", "options": suboptions}})


def chains() -> ArgumentSpec:
    """What a physical backup is based on."""
    return ArgumentSpec(
        {
            "mode": {"type": "str", "choices": ["auto", "full", "incremental"], "default": "auto"},
            "full_every": {"type": "str", "default": "7d"},
            "max_chain": {"type": "int", "default": 7},
        }
    )


def contacts() -> ArgumentSpec:
    """The people to call."""
    words = ("role", "name", "phone", "email", "availability", "within")
    contact: Options = {
        **{name: {"type": "str", "default": ""} for name in words},
        "level": {"type": "int", "default": 1},
        "vendor": {"type": "bool", "default": False},
    }
    return ArgumentSpec({"contacts": {"type": "list", "elements": "dict", "default": [], "options": contact}})


def recovering() -> ArgumentSpec:
    """What a recovery is opened with."""
    return ArgumentSpec(
        {
            "process": {"type": "dict", "options": {"pid": {"type": "int", "required": True}}},
            **{name: {"type": "dict"} for name in ("plan", "replace", "failover", "points", "clusters")},
            **{name: {"type": "str"} for name in ("infected_since", "incident_at")},
            **{name: {"type": "list", "elements": "str", "default": []} for name in ("approve", "confirmed")},
            **{name: {"type": "raw"} for name in ("target", "default_target")},
            "takeover": {"type": "bool", "default": False},
        }
    )


def checking() -> ArgumentSpec:
    """What a user asks of restored data."""
    check: Options = {
        "name": {"type": "str"},
        "query": {"type": "str", "required": True},
        "expect": {"type": "raw"},
        "minimum": {"type": "float"},
        "database": {"type": "str"},
    }
    table: Options = {
        "name": {"type": "str", "required": True},
        "minimum_rows": {"type": "int", "default": 1},
        "database": {"type": "str"},
    }
    return ArgumentSpec(
        {
            "checks": {"type": "list", "elements": "dict", "options": check},
            "check_timeout": {"type": "str", "default": "60s"},
            "critical_tables": {"type": "list", "elements": "dict", "options": table},
        }
    )


def retention() -> ArgumentSpec:
    """What to keep."""
    options: Options = {
        "policy": {"type": "dict"},
        "cluster": {"type": "str"},
        "database": {"type": "str"},
        "force": {"type": "bool", "default": False},
        "replica": {"type": "bool", "default": False},
        "garbage_age": {"type": "str", "default": "1d"},
        "lock_timeout": {"type": "str", "default": "10m"},
        "keep_wal": {"type": "str", "default": "14d"},
    }
    return ArgumentSpec(options, required_by={"database": ("cluster",)})


def bucket() -> ArgumentSpec:
    """How an S3 bucket is guarded."""
    lock: Options = {
        "mode": {"type": "str", "choices": ["governance", "compliance"], "required": True},
        "days": {"type": "int", "required": True},
    }
    transition: Options = {
        "storage_class": {"type": "str", "required": True},
        "days": {"type": "int", "required": True},
    }
    suboptions: Options = {
        "create": {"type": "bool", "default": False},
        "versioning": {"type": "bool", "default": False},
        "object_lock": {"type": "dict", "options": lock},
        "transitions": {"type": "list", "elements": "dict", "options": transition},
        "abort_multipart_days": {"type": "int"},
        "noncurrent_days": {"type": "int"},
        "allow_weaker": {"type": "bool", "default": False},
    }
    return ArgumentSpec({"bucket": {"type": "dict", "options": suboptions}})


def cluster() -> ArgumentSpec:
    """Which cluster the database belongs to."""
    return ArgumentSpec({"cluster": {"type": "str", "default": "main"}})


def postgres() -> ArgumentSpec:
    """How to reach the server, under the names that community.postgresql uses."""
    options: Options = {
        "login_host": {"type": "str"},
        "login_port": {"type": "int", "default": 5432},
        "login_user": {"type": "str"},
        "login_password": {"type": "str", "no_log": True},
        "login_password_file": {"type": "path", "no_log": False},
        "login_unix_socket": {"type": "path"},
        "ssl_mode": {"type": "str", "default": "prefer", "choices": SSL_MODES},
        "ca_cert": {"type": "path"},
        "ssl_cert": {"type": "path"},
        "ssl_key": {"type": "path", "no_log": False},
    }
    return ArgumentSpec(
        options,
        mutually_exclusive=[("login_password", "login_password_file")],
        required_by={"ssl_cert": ("ssl_key",), "ssl_key": ("ssl_cert",)},
    )


def local_server() -> ArgumentSpec:
    """Which server of this host, whether it runs or not."""
    return ArgumentSpec(
        {
            "data_dir": {"type": "path", "required": True},
            "bin_dir": {"type": "path", "required": True},
            "login_unix_socket": {"type": "path", "default": "/var/run/postgresql"},
            "login_port": {"type": "int", "default": 5432},
        }
    )
