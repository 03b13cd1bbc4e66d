# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A table that is larger than one object may be goes into several, and comes back as one."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

import asked
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import RecoveryError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import storing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore import restore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.verify import verification
from faults import fault_fixtures, mutations

if t.TYPE_CHECKING:
    from pathlib import Path

    from postgres_fixtures import ClusterFactory, DatabaseFactory

SQL = (
    "CREATE TABLE public.t AS SELECT n, (SELECT string_agg(md5(n || ':' || i), '') FROM generate_series(1, 32) i)"
    " FROM generate_series(1, 6000) AS n"
)


@pytest.fixture
def place(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> fault_fixtures.Fixture:
    monkeypatch.setattr(storing, "VOLUME_LIMIT", 1 << 20)
    place = fault_fixtures.make(cluster(), database(sql=SQL), tmp_path)
    place.back_up()
    return place


def volumes(place: fault_fixtures.Fixture) -> list[str]:
    found = place.open().find(place.component, "latest")
    members = itertools.groupby(found.manifest.files, key=lambda file: file.member)
    return max(([file.name for file in files] for _member, files in members), key=len)


def test_a_member_of_several_volumes_restores_to_the_same_rows(place: fault_fixtures.Fixture) -> None:
    assert len(volumes(place)) > 2
    verified = verification.verify(verification.VerifyRequest(place.settings, level="opens"), place.world())
    assert verified.facts["files_read"] > len(volumes(place))

    request = asked.restore(
        place.settings, place.server.login, fault_fixtures.CLUSTER, place.database, host="db1", target_db="volumes_back"
    )
    try:
        restore.restore(request, place.world())
        digest = "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM public.t"
        assert place.server.execute(digest, "volumes_back") == place.server.execute(digest, place.database)
    finally:
        place.server.drop("volumes_back")


@pytest.mark.parametrize("which", [1, -1])
def test_no_volume_may_be_missing_or_stand_in_for_another(place: fault_fixtures.Fixture, which: int) -> None:
    names = volumes(place)
    store = mutations.load(place)
    whole = mutations.opened(place, store).find(place.component, "latest")
    member = int(names[0].rpartition("/")[2][:4])
    assert b"".join(whole.member(member))

    short = {name: data for name, data in store.objects.items() if name != names[which]}
    swapped = {**store.objects, names[0]: store.objects[names[which]], names[which]: store.objects[names[0]]}
    for objects in (short, swapped):
        changed = dataclasses.replace(whole, store=t.cast("t.Any", mutations.Memory(objects)))
        with pytest.raises(RecoveryError):
            list(changed.member(member))
