# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which roles of the source a restore makes on this server, and what they may do there.

A cluster has roles that one of its databases has nothing to do with, and roles that rule all of it. By itself a restore
makes those that its database needs, with their passwords, so that the application works again; and it gives to none a
power over the rest of the server. Roles that exist are left as they are.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ....ground.errors import UsageError
from . import roles as recorded_roles
from .connection import rows

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .connection import Connection

Which = t.Literal["needed", "all", "none"]
WHICH: tuple[Which, ...] = ("needed", "all", "none")

POWERS = ("superuser", "createrole", "createdb", "replication", "bypassrls")
"""Attributes that reach beyond what a role was granted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """
    What may be made: `which` roles, and with which of their powers.

    `privileges` holds names of `POWERS` and of predefined roles, such as pg_read_all_data.
    """

    which: str = "needed"
    privileges: tuple[str, ...] = ()

    def grants(self, power: str) -> bool:
        """Whether a role may have this power; who may be a superuser may have any."""
        return power in self.privileges or "superuser" in self.privileges

    def check(self) -> None:
        """Raise UsageError on values that cannot be meant."""
        if self.which not in WHICH:
            raise UsageError(f"roles: {self.which!r} is unknown.", f"Use {', '.join(WHICH)}.", field="roles")
        for privilege in self.privileges:
            if privilege not in POWERS and not privilege.startswith("pg_"):
                raise UsageError(
                    f"The privilege {privilege!r} is unknown.",
                    f"Use {', '.join(POWERS)}, or a predefined role, whose name begins with pg_.",
                    field="role_privileges",
                )


@dataclasses.dataclass(frozen=True, slots=True)
class RoleChoice:
    """
    `created` roles by name, `withheld` sentences about the powers that they had in the source and do not get here,
    `left_out` roles that the server lacks and that are not made, `absent` ones among them that the database needs.
    `superusers` are those that there will be.
    """

    statements: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    superusers: frozenset[str] = frozenset()

    def facts(self) -> dict[str, list[str]]:
        """Return it as a result shows it."""
        return {"created": list(self.created), "withheld": list(self.withheld), "left_out": list(self.left_out)}


def choose(target: Connection, recorded: Mapping[str, t.Any], wish: Wish) -> RoleChoice:
    """Decide what is made of the `recorded` roles on `target`, by its roles and the `wish`."""
    there = {name: list(powers) for name, *powers in rows(target, _THERE)}
    wanted = needed(recorded)
    lacking = recorded_roles.lacking(recorded, there)
    chosen = [role for role in lacking if wish.which == "all" or (wish.which == "needed" and role["name"] in wanted)]
    created = [role["name"] for role in chosen]
    left_out = [role["name"] for role in lacking if role["name"] not in created]
    statements: list[str] = []
    withheld: list[str] = []
    for role in chosen:
        powers = [power for power in POWERS if role[power] and not wish.grants(power)]
        statements += recorded_roles.create_role({**role, **dict.fromkeys(powers, False)})
        withheld += [f"{role['name']} is created without {power.upper()}" for power in powers]
    mighty = _mighty(there, rows(target, _MEMBERS), wish)
    modern = target.info.server_version >= 160000
    for membership in recorded_roles.memberships_of(recorded, created, there):
        if membership["role"] in mighty:
            withheld.append(f"{membership['member']} is created without membership in {membership['role']}")
        else:
            statements.append(recorded_roles.grant(membership, modern=modern))
    absent = [name for name in left_out if name in wanted]
    superusers = {name for name, powers in there.items() if powers[0]}
    superusers |= {role["name"] for role in chosen if role["superuser"] and wish.grants("superuser")}
    return RoleChoice(
        statements=tuple(statements),
        created=tuple(created),
        withheld=tuple(withheld),
        left_out=tuple(left_out),
        absent=tuple(absent),
        superusers=frozenset(superusers),
    )


def needed(recorded: Mapping[str, t.Any]) -> frozenset[str]:
    """
    Return the names of the roles that the database speaks of, and of those that reach it as their members.

    A record without that list needs every role.
    """
    if "needed" not in recorded:
        return frozenset(role["name"] for role in recorded["roles"])
    # Since PostgreSQL 16 a member may hold nothing but the right to make others members.
    usable = [m for m in recorded["memberships"] if m["set"] is not False or m["inherit"] is not False]
    return _with_members(recorded["needed"], [(m["role"], m["member"]) for m in usable])


def _mighty(there: Mapping[str, list[bool]], memberships: Sequence[tuple[str, ...]], wish: Wish) -> frozenset[str]:
    """Return the roles that are `there` whose members would get a power that is not wished for."""
    found: set[str] = set()
    for name, powers in there.items():
        predefined = name.startswith("pg_") and not wish.grants(name)
        if predefined or any(has and not wish.grants(power) for power, has in zip(POWERS, powers, strict=True)):
            found.add(name)
    return _with_members(found, memberships)


def _with_members(roles: Iterable[str], memberships: Sequence[tuple[str, ...]]) -> frozenset[str]:
    found = more = set(roles)
    while more:
        more = {member for role, member in memberships if role in found} - found
        found = found | more
    return frozenset(found)


_THERE = """
SELECT rolname::text, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_catalog.pg_roles
"""

_MEMBERS = """
SELECT r.rolname::text, m.rolname::text FROM pg_catalog.pg_auth_members a
  JOIN pg_catalog.pg_roles r ON r.oid = a.roleid
  JOIN pg_catalog.pg_roles m ON m.oid = a.member
"""
