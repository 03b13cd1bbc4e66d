# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The systems of inventories/example as they are in a test: what is in their databases, and what they may expect."""

from __future__ import annotations

import dataclasses
import os
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLES = Path(__file__).resolve().parents[3] / "inventories/example"


@dataclasses.dataclass(frozen=True)
class System:
    """
    One example. The `proved` ones also validate their backup and decide what would go.

    `sql` fills its database. `told` are the events that each receiver hears of one backup and one validation, and the
    pings of a dead man's switch. `history` is the database of the history. `kept` is how many backups its policy leaves
    of a year and a half on its schedule, ended at noon of Friday, 20 November 2026, UTC: counted by hand.
    """

    name: str
    database: str
    sql: str
    kept: int
    told: Mapping[str, tuple[str, ...]]
    history: str = ""
    proved: bool = False

    @property
    def inventory(self) -> Path:
        return EXAMPLES / self.name


def _tables(*names: str) -> str:
    return ";".join(f"CREATE TABLE {name} AS SELECT generate_series(1, 10) AS id" for name in names)


SYSTEMS: t.Final = (
    System(
        "crm",
        "main_db",
        _tables("users", "properties", "contacts", "deals"),
        # Nights since 21 October at noon: 22 October to 20 November. The first nights of December to October. The
        # first backups of 2025 (in May, when the history begins) and 2026, and that of January is January's.
        kept=30 + 11 + 1,
        told={"webhook": ("backup_created", "restore_test_passed")},
        history="operations",
        proved=True,
    ),
    System(
        "car-wash",
        "carwash",
        _tables('"Setting"', '"BusinessHours"', '"User"', '"Service"')
        + ';CREATE TABLE "Booking" AS SELECT id, id AS "serviceId" FROM "Service"',
        kept=30 * 24 + 30,  # every hour and every night, for thirty days of 24 hours
        told={"webhook": ("backup_created", "restore_test_passed"), "ping/start": ("ping",), "ping": ("ping",)},
        proved=True,
    ),
    System(
        "auth-backend",
        "enterprise_auth",
        _tables("roles") + ";CREATE TABLE users AS SELECT id, id AS role_id FROM roles",
        kept=100,
        told={},
    ),
    System(
        "security-staffing",
        "staffing",
        _tables("guards", "shifts"),
        kept=30,
        told={"webhook": ("backup_created",)},
    ),
    System(
        "business-cards",
        "bizcard_prod",
        _tables("users")
        + ";CREATE TABLE brands AS SELECT id, 'Brand ' || id AS name, 'logo' AS logo FROM users"
        + ";CREATE TABLE branches AS SELECT id, id AS brand_id FROM brands"
        + ";CREATE TABLE subscriptions AS SELECT id, now() AS created_at FROM users",
        # Every six hours for seven days, since 13 November at noon: 28, and that of noon itself makes 29. The first of
        # each day since 21 October at noon: 22 October to 13 November. The Mondays within ninety days, since
        # 22 August, that are none of those days: 24 August to 19 October, 9. The firsts of the months since
        # 20 November 2025 that are not among them: December to October, 11.
        kept=29 + 23 + 9 + 11,
        told={"ping/start": ("ping",), "ping": ("ping",)},
    ),
)
NAMES = tuple(system.name for system in SYSTEMS)
RUN = tuple(system for system in SYSTEMS if system.name == "car-wash" or os.environ.get("LIFEBOAT_EXAMPLES") == "all")
"""Those that run: each takes most of a minute, so a campaign runs them all."""
