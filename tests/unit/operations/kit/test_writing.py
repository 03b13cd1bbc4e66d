# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kit is written once, changes by what changed, and no change of it by somebody else goes unnoticed."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    KeyRefused,
    NotFound,
    StoreError,
    Tampered,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.kit import contents, writing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune.survey import survey
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)

if t.TYPE_CHECKING:
    from kit_fixtures import KitMaker
    from sample_host import SampleHost


def test_a_second_kit_of_the_same_contents_changes_nothing(kit: KitMaker) -> None:
    planned = kit.write(dry_run=True)
    assert planned.changed
    assert not kit.folder.exists()
    first = kit.write()
    assert (first.changed, first.facts["serial"]) == (True, 1)
    assert {"start.py", "README.txt", "wheels/one-1.0-py3-none-any.whl"} <= set(first.facts["written"])
    before = {path: path.read_bytes() for path in kit.folder.rglob("*") if path.is_file()}
    second = kit.write()
    assert (second.changed, second.facts["serial"], second.facts["written"]) == (False, 1, [])
    assert {path: path.read_bytes() for path in kit.folder.rglob("*") if path.is_file()} == before
    assert kit.check().facts["card"] == first.facts["card"] == second.facts["card"]


def test_what_changed_is_written_and_what_it_replaces_goes(kit: KitMaker) -> None:
    first = kit.write()
    inventory = kit.file("inventory-").name
    (kit.home / "inventory" / "hosts.yml").write_text("all: {hosts: {db1: }}\n")
    second = kit.write()
    assert second.facts["serial"] == 2
    assert second.facts["written"] == [kit.file("inventory-").name]
    assert second.facts["removed"] == [inventory]
    assert first.facts["card"] != second.facts["card"]


def test_an_interrupted_kit_leaves_the_former_one_whole(kit: KitMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.write()
    (kit.home / "inventory" / "hosts.yml").write_text("all: {hosts: {db1: }}\n")
    store = type(factory.open_store(kit.host.settings.store, environ={}))
    put = store.put

    def cut_off(self: t.Any, name: str, chunks: t.Any, **options: t.Any) -> int:
        if name.endswith("kit.json"):
            raise StoreError("The store is gone.", "Run again.")
        return put(self, name, chunks, **options)

    with monkeypatch.context() as patch:
        patch.setattr(store, "put", cut_off)
        with pytest.raises(StoreError):
            kit.write()
    assert kit.check().facts["serial"] == 1
    assert kit.write().facts["serial"] == 2
    assert kit.check().facts["serial"] == 2


@pytest.mark.parametrize("beginning", ["start.py", "README", "collection-", "inventory-", "versions", "wheels/one"])
def test_a_changed_file_is_named_and_mended(kit: KitMaker, beginning: str) -> None:
    kit.write()
    path = kit.file(beginning)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(Tampered, match=path.name):
        kit.check()
    path.write_bytes(content[:-1])
    assert kit.write().facts["written"] == [path.relative_to(kit.folder).as_posix()]
    path.unlink()
    with pytest.raises(Tampered, match=path.name):
        kit.check()
    kit.write()
    assert kit.check().facts["serial"]


def test_an_old_kit_that_is_put_back_is_told(kit: KitMaker) -> None:
    kit.write()
    old = {path: path.read_bytes() for path in kit.folder.rglob("*") if path.is_file()}
    (kit.home / "wheels" / "two-1.0-py3-none-any.whl").write_bytes(b"more")
    kit.write()
    for path, content in old.items():
        path.write_bytes(content)
    with pytest.raises(Tampered, match="knows kit 2"):
        kit.check()
    again = kit.write()
    assert again.facts["serial"] == 3
    assert "old kit" in again.warnings[0]


def test_a_list_that_the_root_did_not_sign_is_replaced_and_told(kit: KitMaker) -> None:
    kit.write()
    envelope = kit.folder / "kit.json"
    envelope.write_bytes(envelope.read_bytes().replace(b'"sig":"', b'"sig":"AAAA', 1))
    with pytest.raises(Tampered, match=r"kit\.json"):
        kit.check()
    written = kit.write()
    assert written.facts["serial"] == 2
    assert "It is replaced" in written.warnings[0]
    assert kit.check().facts["serial"] == 2


def test_only_the_recovery_key_writes_a_kit(kit: KitMaker) -> None:
    root = keys.RecoveryKey.from_hex(kit.host.key.read_text()).root.public.hex()
    settings = dataclasses.replace(kit.host.settings, keys=KeySettings(roots=(root,)))
    with pytest.raises(KeyRefused, match="recovery key"):
        writing.write(writing.KitRequest(settings, kit.source), kit.host.world())
    with pytest.raises(NotFound, match="no recovery kit"):
        writing.check(writing.KitRequest(settings), kit.host.world())
    kit.write()
    assert writing.check(writing.KitRequest(settings), kit.host.world()).facts["serial"] == 1


def test_nobody_else_reads_the_inventory(kit: KitMaker) -> None:
    kit.write()
    stored = b"".join(path.read_bytes() for path in kit.folder.rglob("*") if path.is_file())
    for secret in (b"lifeboat_application: shop", b"an authority", b"# Runbook"):
        assert secret not in stored


def test_the_inventory_is_what_belongs_to_it_and_nothing_else(kit: KitMaker) -> None:
    link = kit.home / "inventory" / "group_vars" / "gone"
    link.symlink_to(kit.home / "nowhere")
    packed = contents.inventory(kit.source)
    for part in (b"inventory/hosts.yml", b"inventory/group_vars/all.yml", b"elsewhere", b"ca.crt", b"runbook.md"):
        assert part in packed.content
    assert b"notes.txt" not in packed.content
    assert "gone is a link" in packed.warnings[0]


def test_too_much_is_refused_before_anything_is_written(kit: KitMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "INVENTORY_LIMIT", 100)
    with pytest.raises(UsageError, match="lifeboat_kit_paths"):
        kit.write()
    assert not kit.folder.exists()


def test_listing_and_retention_see_no_kit(kit: KitMaker, sample: SampleHost) -> None:
    sample.back_up()
    kit.write()
    opened = catalogue.open_repository(sample.settings, sample.world())
    assert len(opened.backups()) == 1
    assert opened.problems == []
    found = survey(opened, None, sample.now, sample.now)
    assert len(found.listed) == 1
    assert "recovery-kit" not in repr(found)
