# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a run of Ansible may ask of a drill.

This file is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible import constants, context

from ..module_utils._engine.ground.errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Mapping


def with_all_lost(variables: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return variables with which every host can be lost or fail over: which ones do, nobody knows yet."""
    everybody = list(variables.get("groups", {}).get("all", ()))
    return {
        **variables,
        "lifeboat_replace": dict.fromkeys(everybody, ""),
        "lifeboat_failover": dict(zip(everybody, everybody, strict=True)),
    }


def check(given: Mapping[str, t.Any]) -> None:
    """Raise UsageError for what must not be there when other hosts stand in for those of production."""
    for name in ("replace", "failover"):
        if given.get(name):
            raise UsageError(
                f"A drill takes the hosts of lifeboat_drill_hosts, and lifeboat_{name} is for a recovery.",
                f"Run it without lifeboat_{name}.",
                field=f"lifeboat_{name}",
            )
    if given_tags := [tag for tag in context.CLIARGS.get("tags") or () if tag != "all"]:
        raise UsageError(
            f"A drill runs the whole plan, so --tags {given_tags[0]} cannot be used.",
            "Run it without --tags.",
            field="--tags",
        )
    if constants.CACHE_PLUGIN not in {"memory", "ansible.builtin.memory"}:
        raise UsageError(
            f"Facts are kept in a cache ({constants.CACHE_PLUGIN}): those of a drill host would be taken for those of "
            "the host for which it stands.",
            "Run it with ANSIBLE_CACHE_PLUGIN=memory.",
            field="fact_caching",
        )
