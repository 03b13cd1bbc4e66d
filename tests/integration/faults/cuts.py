# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Cut connections between a backup and a real S3 server, by a proxy that breaks chosen requests at chosen bytes.
"""

from __future__ import annotations

import dataclasses
import sys
import typing as t
from pathlib import Path

from .kills import Victim, kill_child_at_step, kill_own_at_step

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "rig" / "s3"))
from faultproxy import Fault, FaultProxy

if t.TYPE_CHECKING:
    import random

    from postgres_fixtures import Cluster

    from .fault_fixtures import Fixture
    from .kills import Ended, Measure
    from .kills import Fault as Kind

OBJECTS = r"PUT [^ ]*/(data|details)/"
MANIFEST = r"PUT [^ ]*/manifests/"
PARTS_END = r"POST [^ ]*uploadId="

LARGEST = 6 << 20
"""Bytes of the largest object that is uploaded here."""

SETUP = """
SET search_path = public;
CREATE TABLE notes AS SELECT n AS id, '{marker}' AS note,
       (SELECT string_agg(md5(n || ':' || i), '') FROM generate_series(1, 16) AS i) AS body
  FROM generate_series(1, 28000) AS n;
CREATE TABLE settings AS SELECT n AS id, '{marker}' AS value FROM generate_series(1, 50) AS n;
"""


def prepare(server: Cluster, database: str, marker: str) -> None:
    """Fill an empty database with one table that is large enough for an upload in parts, and a small one."""
    server.execute(SETUP.format(marker=marker), database)


@dataclasses.dataclass
class Cuts:
    """The kinds of faults that strike through `proxy`."""

    proxy: FaultProxy

    def kinds(self) -> dict[str, Kind]:
        return {
            "S3, an upload cut, then let through": self.cut_once,
            "S3, own process killed": self.kill_own,
            "S3, every upload cut": self.cut_always,
            "S3, pg_dump killed": self.kill_child,
            "S3, answer to an upload lost": self.swallow_object,
            "S3, answer to the manifest lost": self.swallow_manifest,
        }

    def cut_once(self, place: Fixture, normal: Measure, chance: random.Random) -> Ended | None:
        return self._run(place, Fault(OBJECTS, times=chance.randrange(1, 4), **_somewhere(chance)))

    def cut_always(self, place: Fixture, normal: Measure, chance: random.Random) -> Ended | None:
        ended = self._run(place, Fault(OBJECTS, **_somewhere(chance, at_most=1000)))
        if ended and ended.status == 0:
            raise AssertionError("a backup succeeded though no upload got through")
        return ended

    def swallow_object(self, place: Fixture, normal: Measure, chance: random.Random) -> Ended | None:
        return self._run(place, Fault(chance.choice((OBJECTS, PARTS_END)), times=1, swallow=True))

    def swallow_manifest(self, place: Fixture, normal: Measure, chance: random.Random) -> Ended | None:
        return self._run(place, Fault(MANIFEST, times=1, swallow=True))

    def kill_own(self, place: Fixture, normal: Measure, chance: random.Random) -> Ended | None:
        return kill_own_at_step(place, normal, chance)

    def kill_child(self, place: Fixture, normal: Measure, chance: random.Random) -> Ended | None:
        return kill_child_at_step(place, normal, chance)

    def _run(self, place: Fixture, fault: Fault) -> Ended | None:
        """Run a backup with a fault in its way; None when the fault found nothing to strike."""
        self.proxy.reset()
        self.proxy.add(fault)
        store = {**place.module_arguments()["store"], "endpoint": self.proxy.endpoint}
        ended = Victim(place, store=store).end()
        return ended if self.proxy.struck else None


def _somewhere(chance: random.Random, at_most: int = LARGEST) -> dict[str, t.Any]:
    """Choose where in a request's body the cut is: small objects are cut early, so low numbers come often."""
    cut = int(at_most ** chance.random())
    return {"cut_request": cut, "how": chance.choice(("rst", "fin"))}
