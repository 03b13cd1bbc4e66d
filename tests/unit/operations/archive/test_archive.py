# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives as their users meet them: sealed, opened, verified, listed, shared; and refused whenever in doubt."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import io
import os
import shutil
import stat
import subprocess
import tarfile
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import (
    keyfile,
    keys,
    lbx,
    stream,
    trust,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import codec, disk
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    Busy,
    KeyRefused,
    RecoveryError,
    StoreError,
    Tampered,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome, World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.streams import Peekable
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.archive import archive, sealing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import trusted_keys

if t.TYPE_CHECKING:
    from pathlib import Path

RECOVERY = keys.RecoveryKey(bytes(range(32)))
LATER = datetime.timedelta(hours=1)


def world(*, dry_run: bool = False, ahead: datetime.timedelta = LATER) -> World:
    """A world whose clock is ahead, so that the files of a test are not too fresh to be believed."""
    return World(
        now=lambda: datetime.datetime.now(datetime.UTC) + ahead,
        sleep=lambda _seconds: None,
        environ={},
        dry_run=dry_run,
    )


@dataclasses.dataclass
class Bench:
    """One archive, where it comes from, where it goes to, and who does it."""

    top: Path
    settings: archive.ArchiveSettings

    @property
    def source(self) -> Path:
        return self.top / "source"

    @property
    def sealed(self) -> Path:
        return self.top / "archives" / "a.lbx"

    @property
    def dest(self) -> Path:
        return self.top / "opened" / "dest"

    def seal(self, *, ahead: datetime.timedelta = LATER, dry_run: bool = False, **options: t.Any) -> Outcome:
        options.setdefault("paths", (str(self.source),))
        options.setdefault("settings", self.settings)
        request = archive.SealRequest(dest=str(self.sealed), **options)
        return archive.seal(request, world(dry_run=dry_run, ahead=ahead))

    def open(self, *, dry_run: bool = False, **options: t.Any) -> Outcome:
        options.setdefault("settings", self.settings)
        options.setdefault("dest", str(self.dest))
        return archive.open_archive(archive.OpenRequest(path=str(self.sealed), **options), world(dry_run=dry_run))

    def read(self, verb: t.Callable[..., Outcome], **options: t.Any) -> Outcome:
        options.setdefault("settings", self.settings)
        return verb(archive.ReadRequest(path=str(self.sealed), **options), world())

    def plant(self, tar: bytes, *, signer: keys.Signer | None = None, name: str = "") -> None:
        """Seal bytes that our writer never would."""
        writer = lbx.Writer((RECOVERY.opening.recipient,), signer or RECOVERY.root)
        compressed = codec.compress(Peekable([tar]), codec.Codec.parse("zstd"))
        self.sealed.write_bytes(b"".join(lbx.SealedFile(name, compressed, writer)))

    def rewrap_for(self, friend: keys.OpeningKey, *, dry_run: bool = False) -> Outcome:
        request = archive.RewrapRequest(self.settings, str(self.sealed), (friend.recipient.public.hex(),))
        return archive.rewrap(request, world(dry_run=dry_run))

    def reader(self, friend: keys.OpeningKey) -> archive.ArchiveSettings:
        """Somebody who holds an opening key and the root's public key."""
        path = self.top / f"key-{friend.recipient.kid}"
        if not path.exists():
            keyfile.write(str(path), [keyfile.record("opening", friend.secret)])
        return with_keys(self, opening_key_file=str(path), roots=(RECOVERY.root.public.hex(),))

    def without_memory(self) -> archive.ArchiveSettings:
        return dataclasses.replace(self.settings, state_dir=None)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Single-key mode, a state directory, and a small tree to seal."""
    for name in ("source/sub", "archives", "opened", "state"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "source" / "file").write_text("contents\n")
    (tmp_path / "source" / "sub" / "large").write_bytes(os.urandom(3 << 20))
    held = trusted_keys.KeySettings(recovery_key_hex=RECOVERY.hex)
    return Bench(tmp_path, archive.ArchiveSettings("shop", held, state_dir=str(tmp_path / "state")))


@pytest.fixture
def sealed_host(bench: Bench) -> Bench:
    """A host that holds its signer and the root's public key, and opens nothing."""
    signer = keys.Signer.generate()
    keyfile.write(str(bench.top / "signer"), [keyfile.record("signer", signer.secret)])
    host = trusted_keys.KeySettings(signer_file=str(bench.top / "signer"), roots=(RECOVERY.root.public.hex(),))
    since = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    publish(bench, 1, (RECOVERY.opening.recipient,), trust.SignerEntry(signer.public, ("archive",), since))
    store = factory.StoreSettings(url=f"file://{bench.top}/store")
    return Bench(bench.top, dataclasses.replace(bench.settings, keys=host, store=store))


def publish(bench: Bench, serial: int, recipients: tuple[keys.Recipient, ...], *signers: trust.SignerEntry) -> None:
    made = trust.TrustFile("shop", serial, datetime.datetime.now(datetime.UTC), recipients, signers)
    path = bench.top / "store" / trusted_keys.trust_name("shop", serial)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(trust.sign(made, [RECOVERY.root]))


def with_keys(bench: Bench, **options: t.Any) -> archive.ArchiveSettings:
    return dataclasses.replace(bench.settings, keys=trusted_keys.KeySettings(**options))


def test_a_tree_comes_back_as_it_was(bench: Bench, tree: str, looked: t.Any) -> None:
    outcome = bench.seal(paths=(tree,))
    assert outcome.changed
    assert outcome.facts["members"] == len(looked(tree))
    assert outcome.facts["size"] == bench.sealed.stat().st_size
    assert stat.S_IMODE(bench.sealed.stat().st_mode) == 0o600
    assert bench.open(owners=True, set_id=True).changed
    assert looked(bench.dest) == looked(tree)


def test_a_file_comes_back_under_another_name(bench: Bench) -> None:
    bench.seal(paths=(str(bench.source / "file"),))
    assert bench.open().changed
    assert bench.dest.read_text() == "contents\n"
    assert not bench.open().changed


@pytest.mark.parametrize("compression", ["zstd", "zstd:1", "gzip", "none"])
def test_an_empty_file_comes_back(bench: Bench, compression: str) -> None:
    (bench.source / "file").write_text("")
    bench.seal(paths=(str(bench.source / "file"),), compression=compression)
    bench.open()
    assert bench.dest.read_bytes() == b""


def test_several_paths_come_back_beside_each_other(bench: Bench) -> None:
    bench.seal(paths=(str(bench.source / "sub"), str(bench.source / "file")))
    bench.open()
    assert sorted(os.listdir(bench.dest)) == ["file", "sub"]
    assert not bench.seal(paths=(str(bench.source / "file"), str(bench.source / "sub"))).changed


def test_the_archive_shows_nothing_of_what_it_holds(bench: Bench) -> None:
    (bench.source / "remarkable-name").write_text("remarkable contents" * 1000)
    bench.seal(compression="none")
    assert b"remarkable" not in bench.sealed.read_bytes()


class TestSealingAgain:
    def test_changes_nothing_when_nothing_changed(self, bench: Bench) -> None:
        bench.seal()
        before = bench.sealed.read_bytes()
        outcome = bench.seal()
        assert not outcome.changed
        assert outcome.before == outcome.after
        assert bench.sealed.read_bytes() == before

    @pytest.mark.parametrize("change", ["contents", "mode", "more", "fewer", "name", "time", "link"])
    @pytest.mark.parametrize("memory", [True, False])
    def test_sees_what_changed(self, bench: Bench, change: str, memory: bool) -> None:
        settings = bench.settings if memory else bench.without_memory()
        (bench.source / "link").symlink_to("file")
        bench.seal(settings=settings)
        file = bench.source / "file"
        times = file.stat()
        if change == "contents":
            file.write_text("Contents\n")
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        elif change == "mode":
            file.chmod(0o600)
        elif change == "more":
            (bench.source / "another").mkdir()
        elif change == "fewer":
            file.unlink()
        elif change == "name":
            file.rename(bench.source / "renamed")
        elif change == "time":
            os.utime(file, (1, 1))
        else:
            (bench.source / "link").unlink()
            (bench.source / "link").symlink_to("sub")
        outcome = bench.seal(settings=settings)
        assert outcome.changed
        assert outcome.facts["reason"] == "the source changed"
        assert not bench.seal(settings=settings).changed

    def test_reads_no_file_when_no_inode_changed(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        bench.seal()
        monkeypatch.setattr(os, "read", lambda *_: pytest.fail("a file was read"))
        assert not bench.seal().changed

    def test_reads_what_is_too_fresh_for_its_times_to_prove_anything(self, bench: Bench) -> None:
        now = datetime.timedelta()
        bench.seal(ahead=now)
        assert not bench.seal(ahead=now).changed

    def test_works_without_memory_where_a_key_opens(self, bench: Bench) -> None:
        bench.seal(settings=bench.without_memory())
        assert not bench.seal(settings=bench.without_memory()).changed

    def test_seals_again_on_a_sealed_host_without_memory_and_says_why(self, sealed_host: Bench) -> None:
        assert sealed_host.seal().changed
        assert not sealed_host.seal().changed
        outcome = sealed_host.seal(settings=sealed_host.without_memory())
        assert outcome.changed
        assert "cannot tell" in outcome.facts["reason"]
        assert "state directory" in " ".join(outcome.warnings)

    @pytest.mark.parametrize("content", [b"", b"{}", b"[", b'{"format":"lifeboat-archive/1","stamp":1}'])
    def test_a_broken_memory_is_no_memory(self, sealed_host: Bench, content: bytes) -> None:
        sealed_host.seal()
        (record,) = (sealed_host.top / "state" / "archives").iterdir()
        assert stat.S_IMODE(record.stat().st_mode) == 0o600
        record.write_bytes(content)
        assert sealed_host.seal().changed

    def test_a_damaged_archive_is_sealed_again(self, sealed_host: Bench) -> None:
        sealed_host.seal()
        flip(sealed_host.sealed, -1)
        assert sealed_host.seal().changed
        assert not sealed_host.seal().changed

    def test_a_copy_of_the_archive_is_known_again(self, sealed_host: Bench) -> None:
        sealed_host.seal()
        shutil.copy(sealed_host.sealed, sealed_host.top / "copy")
        os.replace(sealed_host.top / "copy", sealed_host.sealed)
        assert not sealed_host.seal().changed

    def test_permissions_are_kept_as_asked_for(self, bench: Bench) -> None:
        before = os.umask(0o077)
        try:
            bench.seal(mode=0o640)
        finally:
            os.umask(before)
        content = bench.sealed.read_bytes()
        assert stat.S_IMODE(bench.sealed.stat().st_mode) == 0o640
        planned = bench.seal(mode=0o600, dry_run=True)
        assert stat.S_IMODE(bench.sealed.stat().st_mode) == 0o640
        outcome = bench.seal(mode=0o600)
        assert (outcome.changed, outcome.before, outcome.after) == (True, planned.before, planned.after)
        assert "mode 0640" in outcome.before
        assert "mode 0600" in outcome.after
        assert stat.S_IMODE(bench.sealed.stat().st_mode) == 0o600
        assert not bench.seal(mode=0o600).changed
        assert bench.sealed.read_bytes() == content

    @pytest.mark.parametrize("there", [False, True])
    def test_a_link_in_its_place_opens_no_other_file(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, there: bool
    ) -> None:
        """The directory may be another user's, who exchanges the archive just before its mode is set."""
        private = bench.top / "private"
        private.write_text("secret")
        private.chmod(0o600)
        if there:
            bench.seal(mode=0o600)
        place, step = (sealing._Sealing, "_reason") if there else (disk, "write_atomically")
        real = getattr(place, step)

        def then_exchange(*given: t.Any, **more: t.Any) -> t.Any:
            answer = real(*given, **more)
            bench.sealed.unlink(missing_ok=True)
            bench.sealed.symlink_to(private)
            return answer

        monkeypatch.setattr(place, step, then_exchange)
        with contextlib.suppress(RecoveryError):
            bench.seal(mode=0o644)
        assert bench.sealed.is_symlink()
        assert stat.S_IMODE(private.stat().st_mode) == 0o600

    def test_what_root_remembers_is_the_directorys_owners(self, bench: Bench) -> None:
        os.chown(bench.top / "state", 12345, 12346)
        bench.seal()
        folder = bench.top / "state" / "archives"
        assert {path.stat().st_uid for path in (folder, *folder.iterdir())} == {12345}

    def test_check_mode_counts_what_the_run_then_packs(self, bench: Bench, tree: str) -> None:
        """A file of two names is packed once, and a link has no bytes of its own."""
        planned = bench.seal(paths=(tree,), dry_run=True).facts
        done = bench.seal(paths=(tree,)).facts
        again = bench.seal(paths=(tree,)).facts
        for counted in ("members", "bytes"):
            assert planned[counted] == done[counted] == again[counted]

    def test_a_further_recipient_means_sealing_again(self, sealed_host: Bench) -> None:
        sealed_host.seal()
        kept = sealed_host.settings.trusted_keys(world()).trust
        assert kept is not None
        publish(sealed_host, 2, (*kept.recipients, keys.OpeningKey.generate().recipient), *kept.signers)
        outcome = sealed_host.seal()
        assert outcome.changed
        assert outcome.facts["reason"] == "the recipients changed"
        assert len(outcome.facts["recipients"]) == 2


class TestWhatSealingRefuses:
    def test_a_missing_path(self, bench: Bench) -> None:
        with pytest.raises(UsageError, match="does not exist"):
            bench.seal(paths=(str(bench.source), str(bench.source / "missing")))
        assert os.listdir(bench.top / "archives") == []

    def test_a_file_that_changes_while_it_is_read(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        bench.seal()
        before = bench.sealed.read_bytes()
        (bench.source / "file").write_text("changed")
        real = os.read

        def read_and_grow(handle: int, size: int) -> bytes:
            with open(bench.source / "sub" / "large", "ab") as file:
                file.write(b"x")
            return real(handle, size)

        monkeypatch.setattr(os, "read", read_and_grow)
        with pytest.raises(Busy, match="sub/large"):
            bench.seal()
        assert bench.sealed.read_bytes() == before
        assert os.listdir(bench.top / "archives") == ["a.lbx"]

    def test_no_key(self, bench: Bench) -> None:
        with pytest.raises(KeyRefused, match="BACKUP_ENCRYPTION_KEY is required"):
            bench.seal(settings=with_keys(bench))
        assert os.listdir(bench.top / "archives") == []

    def test_a_signer_that_is_not_trusted(self, sealed_host: Bench) -> None:
        kept = sealed_host.settings.trusted_keys(world()).trust
        assert kept is not None
        publish(sealed_host, 2, kept.recipients, dataclasses.replace(kept.signers[0], scope=("main/shop",)))
        with pytest.raises(KeyRefused):
            sealed_host.seal()

    @pytest.mark.parametrize("what", ["file", "directory", "link"])
    def test_a_destination_that_is_something_else(self, bench: Bench, what: str) -> None:
        if what == "file":
            bench.sealed.write_text("precious")
        elif what == "directory":
            bench.sealed.mkdir()
        else:
            bench.sealed.symlink_to(bench.source / "file")
        with pytest.raises(UsageError):
            bench.seal()
        assert (bench.source / "file").read_text() == "contents\n"
        if what == "file":
            assert bench.sealed.read_text() == "precious"
            assert bench.seal(force=True).changed

    def test_a_destination_inside_the_source(self, bench: Bench) -> None:
        with pytest.raises(UsageError, match="part of its own source"):
            bench.seal(paths=(str(bench.top),))
        bench.sealed.symlink_to("nowhere")
        with pytest.raises(UsageError):
            bench.seal()

    def test_a_full_disk(self, bench: Bench, small_disk: Path) -> None:
        (bench.source / "incompressible").write_bytes(os.urandom(8 << 20))
        request = archive.SealRequest(bench.settings, (str(bench.source),), str(small_disk / "a.lbx"))
        with pytest.raises(StoreError, match=r"a\.lbx.*[Nn]o space"):
            archive.seal(request, world())
        assert os.listdir(small_disk) == []


def test_links_that_lead_out_are_announced_when_sealing(bench: Bench) -> None:
    (bench.source / "zone").symlink_to("/usr/share/zoneinfo/UTC")
    outcome = bench.seal()
    assert "zone" in outcome.warnings[0]
    with pytest.raises(UsageError, match="zone") as caught:
        bench.open()
    assert caught.value.details["field"] == "outside_links"
    assert os.listdir(bench.top / "opened") == []
    bench.open(outside_links=True)
    assert os.readlink(bench.dest / "zone") == "/usr/share/zoneinfo/UTC"


def test_what_has_no_contents_is_left_out_with_a_warning(bench: Bench) -> None:
    os.mkfifo(bench.source / "pipe")
    outcome = bench.seal()
    assert "pipe" in outcome.warnings[0]
    assert "pipe" in bench.seal().warnings[0]


class TestOpeningAgain:
    def test_changes_nothing_when_the_contents_are_there(self, bench: Bench, looked: t.Any) -> None:
        bench.seal()
        bench.open()
        os.utime(bench.dest / "file", (5, 5))
        before = looked(bench.dest)
        outcome = bench.open()
        assert not outcome.changed
        assert looked(bench.dest) == before

    @pytest.mark.parametrize("change", ["contents", "mode", "more", "fewer", "pipe"])
    def test_refuses_what_differs_and_replaces_it_when_forced(self, bench: Bench, looked: t.Any, change: str) -> None:
        bench.seal()
        bench.open()
        {
            "contents": lambda: (bench.dest / "file").write_text("local change"),
            "mode": lambda: (bench.dest / "file").chmod(0o777),
            "more": lambda: (bench.dest / "more").write_text("x"),
            "fewer": (bench.dest / "file").unlink,
            "pipe": lambda: os.mkfifo(bench.dest / "pipe"),
        }[change]()
        before = looked(bench.dest)
        for dry_run in (True, False):
            with pytest.raises(UsageError, match="differs") as caught:
                bench.open(dry_run=dry_run)
            assert caught.value.details["field"] == "force"
        assert looked(bench.dest) == before
        assert bench.open(force=True, dry_run=True).changed
        assert looked(bench.dest) == before
        assert bench.open(force=True).changed
        assert looked(bench.dest) == looked(bench.source)
        assert os.listdir(bench.top / "opened") == ["dest"]

    def test_an_empty_directory_is_filled_without_force(self, bench: Bench) -> None:
        bench.seal()
        bench.dest.mkdir()
        assert bench.open().changed
        assert (bench.dest / "file").exists()

    def test_owners_count_when_they_are_restored(self, bench: Bench) -> None:
        os.chown(bench.source / "file", 1234, 1234)
        bench.seal()
        bench.open()
        assert (bench.dest / "file").stat().st_uid == os.geteuid()
        assert not bench.open().changed
        assert bench.open(owners=True, force=True).changed
        assert (bench.dest / "file").stat().st_uid == 1234


class TestWhatOpeningRefuses:
    def test_a_destination_of_the_other_kind(self, bench: Bench) -> None:
        bench.seal()
        bench.dest.write_text("precious")
        with pytest.raises(UsageError, match="contains a directory"):
            bench.open(force=True)
        assert bench.dest.read_text() == "precious"
        bench.dest.unlink()
        bench.dest.mkdir()
        bench.seal(paths=(str(bench.source / "file"),))
        with pytest.raises(UsageError, match="contains one file"):
            bench.open(force=True)

    def test_a_destination_that_holds_the_archive(self, bench: Bench) -> None:
        bench.seal()
        with pytest.raises(UsageError, match="archive itself"):
            bench.open(dest=str(bench.sealed.parent), force=True)
        assert bench.sealed.exists()

    def test_a_destination_that_holds_a_mount(self, bench: Bench, small_disk: Path) -> None:
        bench.seal()
        for dest in (small_disk, small_disk.parent):
            with pytest.raises(UsageError, match="mount point"):
                bench.open(dest=str(dest), force=True)

    def test_a_link_as_destination(self, bench: Bench) -> None:
        bench.seal()
        bench.dest.symlink_to(bench.source)
        with pytest.raises(UsageError, match="neither"):
            bench.open(force=True)

    def test_the_root_directory(self, bench: Bench) -> None:
        bench.seal()
        with pytest.raises(UsageError):
            bench.open(dest="/", force=True)

    def test_a_missing_directory_above(self, bench: Bench) -> None:
        bench.seal()
        with pytest.raises(UsageError, match="above"):
            bench.open(dest=str(bench.dest / "deeper"))

    def test_a_missing_archive(self, bench: Bench) -> None:
        for act in (bench.open, lambda: bench.read(archive.verify), lambda: bench.read(archive.list_members)):
            with pytest.raises(UsageError, match="No such file"):
                act()

    @pytest.mark.parametrize("force", [False, True])
    def test_a_wrong_key(self, bench: Bench, force: bool) -> None:
        bench.seal()
        other = bench.reader(keys.OpeningKey.generate())
        if force:
            bench.dest.mkdir()
        with pytest.raises(KeyRefused):
            bench.open(settings=other, force=force)
        assert os.listdir(bench.top / "opened") == ["dest"] * force

    def test_another_application_s_root(self, bench: Bench) -> None:
        bench.seal()
        other = with_keys(bench, recovery_key_hex=keys.RecoveryKey.generate().hex)
        with pytest.raises(Tampered):
            bench.open(settings=other)

    def test_an_archive_by_somebody_who_only_knows_the_recipient(self, bench: Bench) -> None:
        bench.plant(tree_tar(), signer=keys.Signer.generate())
        with pytest.raises(Tampered):
            bench.open()

    def test_a_member_of_a_backup_in_place_of_an_archive(self, bench: Bench) -> None:
        bench.plant(tree_tar(), name="shop/data/x/0001.lbx")
        for act in (bench.open, lambda: bench.read(archive.verify)):
            with pytest.raises(Tampered):
                act()

    @pytest.mark.parametrize("position", [0, 7, 200, -1, -(1 << 20), "middle"])
    @pytest.mark.parametrize("there", [False, True])
    def test_a_flipped_byte(self, bench: Bench, looked: t.Any, position: int | str, there: bool) -> None:
        bench.seal()
        if there:
            bench.open()
            (bench.dest / "file").write_text("kept")
        before = looked(bench.top / "opened")
        flip(bench.sealed, bench.sealed.stat().st_size // 2 if position == "middle" else t.cast("int", position))
        with pytest.raises((Tampered, KeyRefused)):
            bench.open(force=True)
        assert looked(bench.top / "opened") == before
        with pytest.raises((Tampered, KeyRefused)):
            bench.read(archive.verify)

    def test_every_truncation_and_every_flipped_byte(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("encrypt", "decrypt"):
            monkeypatch.setattr(stream, name, functools.partial(getattr(stream, name), segment=128))
        bench.seal(paths=(str(bench.source / "file"),))
        whole = bench.sealed.read_bytes()
        damaged = [whole[:length] for length in range(len(whole))]
        damaged += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
        damaged += [whole + b"x", whole + whole]
        for content in damaged:
            bench.sealed.write_bytes(content)
            with pytest.raises((Tampered, KeyRefused)):
                bench.open()
            assert os.listdir(bench.top / "opened") == []

    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("../escape", {}),
            ("/tmp/lifeboat-escape", {}),
            ("way", {"type": tarfile.SYMTYPE, "linkname": "../../source"}),
            ("way", {"type": tarfile.LNKTYPE, "linkname": "../../source/file"}),
            ("device", {"type": tarfile.CHRTYPE}),
        ],
    )
    def test_a_hostile_archive_of_a_trusted_signer(
        self, bench: Bench, looked: t.Any, name: str, fields: dict[str, t.Any]
    ) -> None:
        bench.plant(tree_tar(name, **fields))
        before = looked(bench.top)
        for dry_run in (False, True):
            with pytest.raises((Tampered, UsageError)):
                bench.open(dry_run=dry_run)
        assert looked(bench.top) == before
        assert not os.path.exists("/tmp/lifeboat-escape")

    def test_more_than_is_allowed(self, bench: Bench) -> None:
        bench.seal()
        with pytest.raises(UsageError, match="bytes"):
            bench.open(max_bytes=1000)
        with pytest.raises(UsageError, match="members"):
            bench.open(max_members=2)
        assert os.listdir(bench.top / "opened") == []

    def test_a_full_disk(self, bench: Bench, small_disk: Path, looked: t.Any) -> None:
        (bench.source / "zeros").write_bytes(bytes(8 << 20))
        bench.seal()
        (small_disk / "dest").mkdir()
        (small_disk / "dest" / "kept").write_text("kept")
        before = looked(small_disk)
        with pytest.raises(StoreError, match=r"[Nn]o space"):
            bench.open(dest=str(small_disk / "dest"), force=True)
        assert looked(small_disk) == before


def test_no_plaintext_lies_outside_the_private_directory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.seal()
    opened: list[tuple[str, int]] = []
    real = os.open

    def watched(path: t.Any, flags: int, *rest: t.Any, **options: t.Any) -> int:
        handle = real(path, flags, *rest, **options)
        if flags & os.O_CREAT:
            opened.append((os.readlink(f"/proc/self/fd/{handle}"), os.fstat(handle).st_mode & 0o777))
        return handle

    monkeypatch.setattr(os, "open", watched)
    bench.open()
    assert opened
    for path, mode in opened:
        assert path.startswith(f"{bench.top}/opened/.lifeboat-opening-")
        assert mode == 0o600


def test_a_killed_opening_leaves_the_destination_and_the_next_one_clears_up(bench: Bench, looked: t.Any) -> None:
    bench.seal()
    bench.dest.mkdir()
    (bench.dest / "kept").write_text("kept")
    before = looked(bench.dest)
    child = os.fork()
    if child == 0:
        real, count = os.write, iter(range(10))

        def write(handle: int, data: t.Any) -> int:
            if next(count) == 2:
                os.kill(os.getpid(), 9)
            return real(handle, bytes(data[:1000]))

        os.write = write
        with contextlib.suppress(BaseException):
            bench.open(force=True)
        os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert looked(bench.dest) == before
    assert len(os.listdir(bench.top / "opened")) == 2
    bench.open(force=True)
    assert os.listdir(bench.top / "opened") == ["dest"]


class TestCheckMode:
    def test_writes_nothing(self, bench: Bench, looked: t.Any) -> None:
        before = looked(bench.top)
        outcome = bench.seal(dry_run=True)
        assert outcome.changed
        assert outcome.facts["members"] == 4
        assert "absent" in outcome.before
        assert looked(bench.top) == before
        bench.seal()
        before = looked(bench.top)
        assert not bench.seal(dry_run=True).changed
        outcome = bench.open(dry_run=True)
        assert outcome.changed
        assert outcome.facts["members"] == 4
        assert bench.rewrap_for(keys.OpeningKey.generate(), dry_run=True).changed
        assert looked(bench.top) == before

    def test_finds_what_would_fail(self, bench: Bench) -> None:
        bench.seal()
        flip(bench.sealed, -1)
        with pytest.raises(Tampered):
            bench.open(dry_run=True)


class TestVerifying:
    def test_with_a_key_it_opens(self, bench: Bench) -> None:
        bench.seal()
        facts = bench.read(archive.verify).facts
        assert (facts["level"], facts["members"], facts["size"]) == ("opens", 4, bench.sealed.stat().st_size)

    def test_without_a_key_the_record_tells(self, sealed_host: Bench) -> None:
        sealed_host.seal()
        assert sealed_host.read(archive.verify).facts["level"] == "intact"
        flip(sealed_host.sealed, -1)
        with pytest.raises(Tampered):
            sealed_host.read(archive.verify)

    def test_without_key_and_record_only_the_head_is_claimed(self, sealed_host: Bench) -> None:
        sealed_host.seal()
        settings = sealed_host.without_memory()
        assert sealed_host.read(archive.verify, settings=settings).facts["level"] == "head"
        flip(sealed_host.sealed, 100)
        with pytest.raises(Tampered):
            sealed_host.read(archive.verify, settings=settings)


class TestListing:
    def test_names_everything(self, bench: Bench) -> None:
        (bench.source / "bad\n\udcff").symlink_to("file")
        bench.seal()
        facts = bench.read(archive.list_members).facts
        assert [member["name"] for member in facts["members"]] == [".", "bad\\n\\xff", "file", "sub", "sub/large"]
        assert facts["members"][1]["target"] == "file"
        assert facts["members"][2] | {"mtime": 0} == {
            "name": "file",
            "type": "file",
            "mode": "0644",
            "uid": os.geteuid(),
            "gid": os.getegid(),
            "size": 9,
            "mtime": 0,
        }
        assert not facts["truncated"]

    def test_counts_what_it_does_not_name(self, bench: Bench) -> None:
        bench.seal()
        facts = bench.read(archive.list_members, listed=1).facts
        assert (len(facts["members"]), facts["count"], facts["truncated"]) == (1, 4, True)

    def test_needs_a_key(self, sealed_host: Bench) -> None:
        sealed_host.seal()
        with pytest.raises(KeyRefused):
            sealed_host.read(archive.list_members)


class TestRewrapping:
    def test_a_further_recipient_opens_it_and_the_archive_stays(self, bench: Bench, looked: t.Any) -> None:
        bench.seal()
        before = bench.sealed.read_bytes()
        friend = keys.OpeningKey.generate()
        settings = bench.reader(friend)
        with pytest.raises(KeyRefused):
            bench.open(settings=settings)
        outcome = bench.rewrap_for(friend)
        assert outcome.changed
        assert outcome.facts["added"] == [friend.recipient.kid]
        assert os.path.basename(outcome.facts["files"][0]) == f"a.lbx.wraps-{friend.recipient.kid}.json"
        assert bench.sealed.read_bytes() == before
        assert not bench.rewrap_for(friend).changed
        bench.open(settings=settings)
        assert looked(bench.dest) == looked(bench.source)
        assert friend.recipient.kid in bench.read(archive.verify, settings=settings).facts["recipients"]

    def test_only_who_opens_it_can_share_it(self, sealed_host: Bench) -> None:
        sealed_host.seal()
        with pytest.raises(KeyRefused):
            sealed_host.rewrap_for(keys.OpeningKey.generate())

    def test_wraps_that_fit_nothing_are_passed_over(self, bench: Bench) -> None:
        bench.seal()
        friend = keys.OpeningKey.generate()
        bench.rewrap_for(friend)
        (bench.top / "archives" / "a.lbx.wraps-0.json").write_text("{")
        (bench.top / "archives" / "a.lbx.wraps-1.json").write_bytes(os.urandom(1 << 20))
        bench.open(settings=bench.reader(friend))

    def test_wraps_of_another_archive_open_nothing(self, bench: Bench) -> None:
        friend = keys.OpeningKey.generate()
        bench.seal()
        bench.rewrap_for(friend)
        (bench.source / "file").write_text("changed")
        outcome = bench.seal()
        assert "rewrap" in " ".join(outcome.warnings)
        with pytest.raises(KeyRefused):
            bench.open(settings=bench.reader(friend))
        assert bench.rewrap_for(friend).changed
        bench.open(settings=bench.reader(friend))

    def test_by_default_for_everybody_in_the_trust_file(self, sealed_host: Bench) -> None:
        sealed_host.seal()
        friend = keys.OpeningKey.generate()
        kept = sealed_host.settings.trusted_keys(world()).trust
        assert kept is not None
        publish(sealed_host, 2, (*kept.recipients, friend.recipient), *kept.signers)
        opens = trusted_keys.KeySettings(recovery_key_hex=RECOVERY.hex)
        settings = dataclasses.replace(sealed_host.settings, keys=opens)
        outcome = archive.rewrap(archive.RewrapRequest(settings, str(sealed_host.sealed)), world())
        assert outcome.facts["added"] == [friend.recipient.kid]

    @pytest.mark.parametrize("recipient", ["", "zz", "ab", "00" * 32])
    def test_what_is_no_public_key_is_refused(self, bench: Bench, recipient: str) -> None:
        bench.seal()
        with pytest.raises((UsageError, KeyRefused)):
            archive.rewrap(archive.RewrapRequest(bench.settings, str(bench.sealed), (recipient,)), world())


@pytest.mark.parametrize("root", [False, True])
def test_only_root_restores_owners(bench: Bench, root: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.seal()
    if not root:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with contextlib.nullcontext() if root else pytest.raises(UsageError, match="root"):
        bench.open(owners=True)


def test_no_error_shows_a_key(bench: Bench) -> None:
    bench.seal()
    flip(bench.sealed, -1)
    with pytest.raises(RecoveryError) as caught:
        bench.open()
    assert RECOVERY.hex not in repr((caught.value.args, caught.value.details, bench.settings))


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def tree_tar(name: str = "file", **fields: t.Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as made:
        for member in (".", name):
            info = tarfile.TarInfo(member)
            info.type = tarfile.DIRTYPE if member == "." else tarfile.REGTYPE
            for key, value in fields.items() if member == name else ():
                setattr(info, key, value)
            made.addfile(info)
    return buffer.getvalue()


@pytest.fixture
def small_disk(tmp_path: Path) -> t.Iterator[Path]:
    """A file system of 4 MiB."""
    place = tmp_path / "mounts" / "disk"
    place.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
