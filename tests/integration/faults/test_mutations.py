# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No changed byte, length or place of a stored object gets past a reader, and no stranger's key does."""

from __future__ import annotations

import dataclasses
import datetime
import os
import typing as t
from pathlib import Path

import asked
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import (
    keyfile,
    keys,
    lbx,
    seals,
    trust,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import process
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    KeyRefused,
    RecoveryError,
    Tampered,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore import restore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.verify import verification
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import (
    catalogue,
    trusted_keys,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.receipts import Receipts
from faults import fault_fixtures, mutations
from faults.mutations import Count, flips

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster, ClusterFactory

SQL = """
CREATE TABLE public.t AS SELECT n AS id, md5(n::text) AS body FROM generate_series(1, 40) AS n;
ALTER TABLE public.t ADD PRIMARY KEY (id);
"""


@dataclasses.dataclass(frozen=True)
class Scene:
    """A repository with two backups of a small database, and the same store in memory."""

    place: fault_fixtures.Fixture
    store: mutations.Memory
    first: catalogue.Backup
    second: catalogue.Backup


@pytest.fixture(scope="module")
def scene(cluster: ClusterFactory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    server: Cluster = cluster()
    name = server.create("mutated")
    try:
        server.execute(SQL, name)
        place = fault_fixtures.make(server, name, tmp_path_factory.mktemp("mutations"))
        ids = [place.back_up(), place.back_up()]
        store = mutations.load(place)
        found = mutations.opened(place, store)
        yield Scene(place, store, *(found.find(place.component, each) for each in ids))
    finally:
        server.drop(name)


def stored(scene: Scene, file: t.Any) -> bytes:
    return scene.store.objects[file.name]


def test_the_unchanged_backups_are_read(scene: Scene) -> None:
    for found in (scene.first, scene.second):
        for file in found.manifest.files:
            assert b"".join(mutations.read_through(found, file.member))
            lbx.check_intact(iter([stored(scene, file)]), found.expected(file))


def test_every_byte_of_every_file_counts(scene: Scene, capsys: t.Any) -> None:
    total = Count()
    for file in scene.first.manifest.files:
        data = stored(scene, file)
        for what, changed in flips(data, range(len(data))):
            total.add(mutations.try_file(scene.first, file, changed, what, early=True))

    with capsys.disabled():
        print(f"\nflipped bits in files: {total.refused} readings refused")
    assert total.wrong == []
    assert total.refused == 2 * scene.first.manifest.size


def test_every_byte_of_a_manifest_counts(scene: Scene, capsys: t.Any) -> None:
    record = scene.first.manifest
    data = scene.store.objects[repository.manifest(record.application, record.component, record.backup_id)]
    total = Count()
    for what, changed in flips(data, range(len(data))):
        total.add(mutations.try_manifest(scene.place, scene.store, scene.first, changed, what))

    with capsys.disabled():
        print(f"\nflipped bits in a manifest: {total.refused} refused")
    assert total.wrong == []
    assert total.refused == len(data)


def test_every_length_counts(scene: Scene, capsys: t.Any) -> None:
    record = scene.first.manifest
    smallest = min(record.files, key=lambda file: file.size)
    total = Count()
    for what, changed in mutations.cuts(stored(scene, smallest)):
        total.add(mutations.try_file(scene.first, smallest, changed, what, early=True))
    data = scene.store.objects[repository.manifest(record.application, record.component, record.backup_id)]
    for what, changed in mutations.cuts(data):
        total.add(mutations.try_manifest(scene.place, scene.store, scene.first, changed, what))

    with capsys.disabled():
        print(f"\nother lengths: {total.refused} readings refused")
    assert total.wrong == []


def test_the_first_and_last_segment_of_a_large_member_count(
    cluster: ClusterFactory, database: t.Any, tmp_path: Path, capsys: t.Any
) -> None:
    """A flip in a later segment is met when earlier ones have passed; in the first, nothing may pass."""
    sql = (
        "CREATE TABLE public.t AS SELECT n, (SELECT string_agg(md5(n || ':' || i), '') FROM generate_series(1, 32) i)"
        " FROM generate_series(1, 5000) AS n"
    )
    place = fault_fixtures.make(cluster(), database(sql=sql), tmp_path)
    place.back_up()
    store = mutations.load(place)
    found = mutations.opened(place, store).find(place.component, "latest")
    file = max(found.manifest.files, key=lambda each: each.size)
    data = store.objects[file.name]
    head, _rest = lbx.read_head(iter([data]))
    start, step = len(head.raw), 1 << 20
    assert len(data) > start + 2 * step
    last = start + (len(data) - start) // step * step
    total = Count()
    for early, positions in (
        (True, [*range(start), *range(start, start + step, 32771)]),
        (False, [*range(start + step, last, 131101), *range(last, len(data), 32771), len(data) - 1]),
    ):
        for what, changed in flips(data, positions):
            total.add(mutations.try_file(found, file, changed, what, early=early))

    with capsys.disabled():
        print(f"\nflipped bits in {len(data)} bytes of several segments: {total.refused} readings refused")
    assert total.wrong == []


def test_objects_in_each_others_places_are_refused(scene: Scene, capsys: t.Any) -> None:
    """Members of one backup swapped, and the same member of another backup put in its place."""
    total = Count()
    for mine in scene.first.manifest.files:
        for other in (*scene.first.manifest.files, *scene.second.manifest.files):
            if other.name != mine.name:
                what = f"with the content of {other.name}"
                total.add(mutations.try_file(scene.first, mine, stored(scene, other), what, early=True))

    with capsys.disabled():
        print(f"\nobjects in places of others: {total.refused} readings refused")
    assert total.wrong == []
    assert total.refused >= 2 * 7 * 4


def test_the_head_of_one_file_with_the_body_of_another_is_refused(scene: Scene) -> None:
    total = Count()
    every = [*scene.first.manifest.files, *scene.second.manifest.files]
    for mine in scene.first.manifest.files:
        head = lbx.read_head(iter([stored(scene, mine)]))[0].raw
        for other in every:
            if other.name != mine.name:
                body = stored(scene, other)[len(lbx.read_head(iter([stored(scene, other)]))[0].raw) :]
                what = f"with the body of {other.name}"
                total.add(mutations.try_file(scene.first, mine, head + body, what, early=True))
    assert total.wrong == []


def test_a_whole_backup_in_the_place_of_another_is_not_listed(scene: Scene) -> None:
    """Every object of the second backup, its manifest too, under the first one's names."""
    first, second = scene.first.manifest, scene.second.manifest
    objects = {
        name.replace(second.backup_id, first.backup_id): data
        for name, data in scene.store.objects.items()
        if second.backup_id in name
    }

    found = mutations.opened(scene.place, mutations.Memory(objects))

    assert found.backups() == []
    assert [problem.kind for problem in found.problems] == ["manifest"]
    with pytest.raises(Tampered):
        found.find(scene.place.component, first.backup_id)


def test_a_manifest_under_another_database_is_not_listed(scene: Scene) -> None:
    record = scene.first.manifest
    mine = repository.manifest(record.application, record.component, record.backup_id)
    other = repository.manifest(record.application, "main/other", record.backup_id)
    store = scene.store.exchanged(other, scene.store.objects[mine])

    found = mutations.opened(scene.place, store)

    assert found.backups("main/other") == []
    with pytest.raises(Tampered):
        found.find("main/other", record.backup_id)


def test_a_missing_file_takes_its_backup_off_the_list(scene: Scene) -> None:
    for file in scene.first.manifest.files:
        left = {name: data for name, data in scene.store.objects.items() if name != file.name}
        found = mutations.opened(scene.place, mutations.Memory(left))
        assert [each.manifest.backup_id for each in found.backups()] == [scene.second.manifest.backup_id]
        assert [problem.kind for problem in found.problems] == ["incomplete"]


def test_an_exchanged_manifest_is_told_by_the_host_that_wrote_it(scene: Scene) -> None:
    """Spaces around an envelope change nothing that is signed; its maker knows the bytes and says so all the same."""
    record = scene.first.manifest
    name = repository.manifest(record.application, record.component, record.backup_id)
    found = mutations.opened(scene.place, scene.store.exchanged(name, scene.store.objects[name] + b"\n"))
    found.receipts = scene.place.open().receipts

    assert record in [each.manifest for each in found.backups()]
    assert [problem.kind for problem in found.problems] == ["exchanged"]


def with_key(scene: Scene, tmp_path: Path) -> catalogue.RepositorySettings:
    wrong = fault_fixtures.write_secret(tmp_path / "wrong", os.urandom(32).hex())
    return dataclasses.replace(
        scene.place.settings, keys=trusted_keys.KeySettings(recovery_key_file=str(wrong)), state_dir=None
    )


def test_a_wrong_key_is_told_from_damage(scene: Scene, tmp_path: Path) -> None:
    settings = with_key(scene, tmp_path)
    place = scene.place
    verify = verification.VerifyRequest(settings, "main", place.database, backup="latest", level="opens")
    restored = asked.restore(settings, place.server.login, "main", place.database, "localhost", target_db="never_made")
    made = dataclasses.replace(place.request(), repository=settings)
    before = place.listed()

    for attempt in (
        lambda: verification.verify(verify, place.world()),
        lambda: restore.restore(restored, place.world()),
        lambda: backup.back_up(made, place.world()),
    ):
        with pytest.raises(KeyRefused) as caught:
            attempt()
        assert caught.value.exit_code == 5
        assert "signed by a trusted key" in caught.value.cause
        assert "Set the key of this application" in caught.value.remedy

    facts = listing.list_backups(listing.ListRequest(settings), place.world()).facts
    assert facts["count"] == 0
    assert {problem["kind"] for problem in facts["problems"]} == {catalogue.STRANGER}
    assert place.listed() == before
    assert place.server.execute("SELECT count(*) FROM pg_database WHERE datname = 'never_made'") == [(0,)]


def test_an_opening_key_of_somebody_else_opens_nothing(scene: Scene, tmp_path: Path) -> None:
    """The signer is trusted and the bytes are whole; only the key does not open them."""
    path = tmp_path / "opening"
    keyfile.write(str(path), [keyfile.create("opening", datetime.datetime.now(datetime.UTC))])
    root = keys.RecoveryKey(scene.place.key).root.public.hex()
    settings = trusted_keys.KeySettings(opening_key_file=str(path), roots=(root,))

    found = mutations.opened(scene.place, scene.store, settings).find(scene.place.component, "latest")

    for read in (found.detail, lambda: found.record("globals"), lambda: b"".join(found.member(1)), found.check_opens):
        with pytest.raises(KeyRefused):
            read()


def test_a_revoked_signer_counts_only_for_what_the_store_had_before(scene: Scene, tmp_path: Path) -> None:
    """A thief writes any date into a manifest; when the store got it is not his to choose."""
    place, host = scene.place, keys.Signer(os.urandom(32))
    root = keys.RecoveryKey(place.key)
    record = scene.first.manifest
    name = repository.manifest(record.application, record.component, record.backup_id)
    store = scene.store.exchanged(name, seals.seal_record("manifest", record.payload(), [host]))
    day = datetime.timedelta(days=1)
    entry = trust.SignerEntry(host.public, (place.component,), record.started - day)

    def listed(**changes: t.Any) -> list[str]:
        file = trust.TrustFile(
            record.application, 1, record.started, (root.opening.recipient,), (dataclasses.replace(entry, **changes),)
        )
        trusted = store.exchanged(trusted_keys.trust_name(record.application, 1), trust.sign(file, [root.root]))
        return [each.manifest.backup_id for each in mutations.opened(place, trusted).backups()]

    assert listed() == [record.backup_id]
    assert listed(compromised_since=store.modified - day) == []
    assert listed(compromised_since=store.modified + day) == [record.backup_id]
    assert listed(until=record.started) == []
    assert listed(scope=("main/other",)) == []


def test_a_key_of_another_application_opens_nothing_here(scene: Scene) -> None:
    """The same store and key under another application's name: manifests, heads and trust name theirs."""
    moved = {name.replace("shop/", "blog/", 1): data for name, data in scene.store.objects.items()}
    held = trusted_keys.load(scene.place.settings.keys, t.cast("t.Any", mutations.Memory(moved)), "blog")
    store = t.cast("t.Any", mutations.Memory(moved))
    found = catalogue.Repository("blog", store, held, Receipts(None), scene.place.world().now)

    assert found.backups() == []
    assert len(found.problems) == 2


@pytest.mark.parametrize("where", ["head", "end"])
@pytest.mark.parametrize("member", ["detail", "globals", "0001"])
def test_a_restore_refuses_changed_records_before_it_touches_the_server(
    cluster: ClusterFactory,
    database: t.Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    member: str,
    where: str,
) -> None:
    server = cluster()
    place = fault_fixtures.make(server, database(sql=SQL), tmp_path)
    found = place.find(place.back_up())
    file = next(each for each in found.manifest.files if each.member == member)
    path = Path(place.store.url.removeprefix("file://"), file.name)
    data = bytearray(path.read_bytes())
    data[60 if where == "head" else -1] ^= 1
    path.write_bytes(data)
    started: list[list[str]] = []
    start = process.subprocess.Popen.__init__

    def watched(self: t.Any, argv: t.Any, **named: t.Any) -> None:
        started.append([os.fsdecode(word) for word in argv])
        start(self, argv, **named)

    monkeypatch.setattr(process.subprocess.Popen, "__init__", watched)
    request = asked.restore(place.settings, server.login, "main", place.database, "localhost", target_db="copied")

    with pytest.raises(Tampered) as caught:
        restore.restore(request, place.world())

    assert isinstance(caught.value, RecoveryError)
    assert caught.value.exit_code == 6
    assert file.name in caught.value.cause
    assert not [argv for argv in started if argv[0].endswith("pg_restore") and len(argv) > 2]
    names = [name for (name,) in server.execute("SELECT datname FROM pg_database")]
    assert not [name for name in names if name.startswith("copied")]
