# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may write, sign and open with the keys that were given, and what the store's trust files may change in that."""

from __future__ import annotations

import dataclasses
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import (
    handover,
    keyfile,
    keys,
    lbx,
    seals,
    trust,
    wraps,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    KeyRefused,
    NotFound,
    Tampered,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import trusted_keys

if t.TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = keys.RecoveryKey(bytes(range(100, 132)))
OTHER = keys.RecoveryKey(bytes(range(50, 82)))
GUEST = keys.OpeningKey(bytes(range(32)))
HOST = keys.Signer(bytes(range(1, 33)))
SCOPE = "main/shop"
BACKUP = "backup-20260301T120000Z-0123456789abcdef"
Settings = trusted_keys.KeySettings


@dataclasses.dataclass(frozen=True)
class Info:
    name: str
    size: int


class Store:
    """As much of a store as custody uses: a dictionary."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = objects
        self.asked: list[str] = []

    def get(self, name: str, start: int, length: int) -> t.Iterator[bytes]:
        self.asked.append(name)
        if name not in self.objects:
            raise NotFound(name)
        yield self.objects[name][start : start + length]

    def list(self, prefix: str) -> t.Iterator[Info]:
        return (Info(name, len(self.objects[name])) for name in sorted(self.objects) if name.startswith(prefix))

    def keep_trust(self, envelope: bytes | None, serial: int) -> None:
        self.objects[trusted_keys.trust_name("shop", serial)] = envelope or b""


@pytest.fixture
def store() -> t.Any:
    return Store()


def entry(signer: keys.Signer = HOST, *scope: str) -> trust.SignerEntry:
    return trust.SignerEntry(signer.public, scope or (SCOPE,), NOW)


def envelope(serial: int = 1, roots: t.Sequence[keys.Signer] = (KEY.root,), **changes: t.Any) -> bytes:
    made = trust.TrustFile("shop", serial, NOW, (KEY.opening.recipient, GUEST.recipient), (entry(),))
    return trust.sign(dataclasses.replace(made, **changes), roots)


def key_file(tmp_path: Path, type_: str, secret: bytes, name: str = "") -> str:
    path = str(tmp_path / (name or type_))
    keyfile.write(path, [keyfile.record(type_, secret, created=NOW)])
    return path


def host_settings(tmp_path: Path, **changes: t.Any) -> Settings:
    signer_file = key_file(tmp_path, "signer", HOST.secret)
    return dataclasses.replace(Settings(signer_file=signer_file, roots=(KEY.root.public.hex(),)), **changes)


def sealed_name(what: str = "data") -> str:
    return f"shop/{what}/{BACKUP}/0001.lbx"


def opens(found: trusted_keys.TrustedKeys, data: bytes, name: str) -> bool:
    expected = lbx.Expected(name, found.record_signers(SCOPE))
    return b"".join(lbx.open_file([data], expected, found.opener)) == b"x"


# Nothing, and not enough


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_key_nothing_begins(store: t.Any, value: str | None) -> None:
    with pytest.raises(KeyRefused) as caught:
        trusted_keys.load(Settings(recovery_key_hex=value), store, "shop")
    assert str(caught.value).startswith("BACKUP_ENCRYPTION_KEY is required")
    assert "openssl rand -hex 32" in caught.value.remedy


def test_what_is_no_key_has_its_own_message(store: t.Any) -> None:
    with pytest.raises(KeyRefused, match="not 64 hexadecimal digits") as caught:
        trusted_keys.load(Settings(recovery_key_hex="hunter2hunter2"), store, "shop")
    assert "hunter2" not in str(caught.value)


def test_signers_and_opening_keys_need_a_pinned_root(store: t.Any, tmp_path: Path) -> None:
    for field, type_, secret in (("signer_file", "signer", HOST.secret), ("opening_key_file", "opening", GUEST.secret)):
        with pytest.raises(KeyRefused, match="pinned root"):
            trusted_keys.load(Settings(**{field: key_file(tmp_path, type_, secret)}), store, "shop")


def test_a_key_of_the_wrong_kind_is_refused(store: t.Any, tmp_path: Path) -> None:
    roots = (KEY.root.public.hex(),)
    recovery, signer = key_file(tmp_path, "recovery", KEY.seed), key_file(tmp_path, "signer", HOST.secret)
    for settings in (
        Settings(signer_file=recovery, roots=roots),
        Settings(opening_key_file=signer, roots=roots),
        Settings(recovery_key_file=signer),
        Settings(recovery_key_file=recovery, digest_key_file=signer),
    ):
        with pytest.raises(KeyRefused):
            trusted_keys.load(settings, store, "shop")


@pytest.mark.parametrize("root", ["", "xyz", "ab" * 31])
def test_a_malformed_root_is_named(store: t.Any, root: str) -> None:
    with pytest.raises(UsageError) as caught:
        trusted_keys.load(Settings(recovery_key_hex=KEY.hex, roots=(root,)), store, "shop")
    assert caught.value.details["field"] == "roots"


def test_two_different_recovery_keys_are_one_too_many(store: t.Any, tmp_path: Path) -> None:
    path = key_file(tmp_path, "recovery", KEY.seed)
    trusted_keys.load(Settings(recovery_key_file=path, recovery_key_hex=KEY.hex), store, "shop")
    with pytest.raises(UsageError, match="different keys"):
        trusted_keys.load(Settings(recovery_key_file=path, recovery_key_hex=OTHER.hex), store, "shop")


# One key for everything


@pytest.mark.parametrize("by_file", [True, False])
@pytest.mark.parametrize("pinned", [True, False])
def test_one_key_writes_signs_and_opens(store: t.Any, tmp_path: Path, by_file: bool, pinned: bool) -> None:
    roots = (KEY.root.public.hex(),) if pinned else ()
    path = key_file(tmp_path, "recovery", KEY.seed)
    settings = Settings(path if by_file else None, None if by_file else KEY.hex, roots=roots)
    found = trusted_keys.load(settings, store, "shop")
    assert found.mode == "single-key"
    assert found.can_open
    assert found.trust is None
    assert found.writer(SCOPE) == lbx.Writer((KEY.opening.recipient,), KEY.root)
    assert found.record_signers(SCOPE) == {KEY.root.public} == found.roots
    assert found.digest_key == KEY.digest_key
    assert opens(found, b"".join(lbx.SealedFile(sealed_name(), [b"x"], found.writer(SCOPE))), sealed_name())


def test_a_trust_file_binds_the_single_key_too(store: t.Any) -> None:
    store.keep_trust(envelope(signers=(entry(KEY.root),)), 1)
    found = trusted_keys.load(Settings(recovery_key_hex=KEY.hex), store, "shop")
    assert found.writer(SCOPE).recipients == (KEY.opening.recipient, GUEST.recipient)
    store.keep_trust(envelope(2), 2)
    with pytest.raises(KeyRefused, match="not in trust file 2"):
        trusted_keys.load(Settings(recovery_key_hex=KEY.hex), store, "shop").writer(SCOPE)


def test_a_recovery_key_that_is_not_pinned_only_reads(store: t.Any) -> None:
    found = trusted_keys.load(Settings(recovery_key_hex=KEY.hex, roots=(OTHER.root.public.hex(),)), store, "shop")
    assert (found.mode, found.can_open) == ("reader", True)
    with pytest.raises(KeyRefused, match=r"^BACKUP_ENCRYPTION_KEY is required"):
        found.writer(SCOPE)


def test_retired_keys_in_the_file_still_open(store: t.Any, tmp_path: Path) -> None:
    path = str(tmp_path / "keys")
    records = [keyfile.record("recovery", KEY.seed), keyfile.record("recovery", OTHER.seed, status="retired")]
    keyfile.write(path, records)
    found = trusted_keys.load(Settings(recovery_key_file=path), store, "shop")
    assert found.signer == KEY.root
    writer = lbx.Writer((OTHER.opening.recipient,), KEY.root)
    assert opens(found, b"".join(lbx.SealedFile(sealed_name(), [b"x"], writer)), sealed_name())


# A sealed host


def test_a_sealed_host_writes_what_it_cannot_read(store: t.Any, tmp_path: Path) -> None:
    store.keep_trust(envelope(), 1)
    found = trusted_keys.load(host_settings(tmp_path), store, "shop")
    assert (found.mode, found.can_open) == ("sealed-host", False)
    writer = found.writer(SCOPE, NOW)
    assert writer == lbx.Writer((KEY.opening.recipient, GUEST.recipient), HOST)
    with pytest.raises(KeyRefused, match="decrypts backups"):
        _opener = found.opener
    data = b"".join(lbx.SealedFile(sealed_name(), [b"x"], writer))
    assert opens(trusted_keys.load(Settings(recovery_key_hex=KEY.hex), store, "shop"), data, sealed_name())


def test_a_sealed_host_needs_a_trust_file(store: t.Any, tmp_path: Path) -> None:
    found = trusted_keys.load(host_settings(tmp_path), store, "shop")
    with pytest.raises(KeyRefused, match="no trust file"):
        found.writer(SCOPE)


def test_a_recovery_key_beside_a_signer_does_not_replace_trust(store: t.Any, tmp_path: Path) -> None:
    found = trusted_keys.load(host_settings(tmp_path, recovery_key_hex=KEY.hex), store, "shop")
    assert (found.mode, found.can_open) == ("sealed-host", True)
    with pytest.raises(KeyRefused, match="no trust file"):
        found.writer(SCOPE)


@pytest.mark.parametrize(
    "listed",
    [
        entry(KEY.root),
        entry(HOST, "main/other"),
        dataclasses.replace(entry(), until=NOW - timedelta(hours=1), valid_from=NOW - timedelta(days=1)),
        dataclasses.replace(entry(), compromised_since=NOW),
    ],
)
def test_a_signer_that_is_not_listed_for_it_does_not_write(
    store: t.Any, tmp_path: Path, listed: trust.SignerEntry
) -> None:
    store.keep_trust(envelope(signers=(listed,)), 1)
    with pytest.raises(KeyRefused, match="not in trust file 1"):
        trusted_keys.load(host_settings(tmp_path), store, "shop").writer(SCOPE, NOW)


def test_the_digest_key_comes_from_its_file(store: t.Any, tmp_path: Path) -> None:
    settings = host_settings(tmp_path)
    with pytest.raises(KeyRefused, match="digest key"):
        _key = trusted_keys.load(settings, store, "shop").digest_key
    digest = dataclasses.replace(settings, digest_key_file=key_file(tmp_path, "digest", b"d" * 32))
    assert trusted_keys.load(digest, store, "shop").digest_key == b"d" * 32


# Readers


def test_a_reader_checks_and_opens_and_writes_nothing(store: t.Any, tmp_path: Path) -> None:
    store.keep_trust(envelope(), 1)
    roots = (KEY.root.public.hex(),)
    assert not trusted_keys.load(Settings(roots=roots), store, "shop").can_open
    opening = key_file(tmp_path, "opening", GUEST.secret)
    found = trusted_keys.load(Settings(opening_key_file=opening, roots=roots), store, "shop")
    assert (found.mode, found.can_open) == ("reader", True)
    writer = lbx.Writer((KEY.opening.recipient, GUEST.recipient), HOST)
    assert opens(found, b"".join(lbx.SealedFile(sealed_name(), [b"x"], writer)), sealed_name())
    with pytest.raises(KeyRefused):
        found.writer(SCOPE)


# Trust files in the store


def test_the_newest_valid_trust_file_counts(store: t.Any) -> None:
    for serial in (1, 3, 10):
        store.keep_trust(envelope(serial), serial)
    store.keep_trust(b"junk", 11)
    store.keep_trust(envelope(12, [OTHER.root]), 12)
    store.keep_trust(envelope(10), 13)  # a true one under a number that is not its own
    store.keep_trust(envelope(14, application="other"), 14)
    store.objects["shop/trust/99999999.json.bak"] = envelope(99)
    store.objects["shop/trust/readme.txt"] = b""
    found = trusted_keys.load(Settings(recovery_key_hex=KEY.hex), store, "shop", last_seen_serial=10)
    assert found.trust is not None
    assert found.trust.serial == 10
    assert found.ignored_trust_files == tuple(trusted_keys.trust_name("shop", serial) for serial in (14, 13, 12, 11))
    assert trusted_keys.taken_serial(store, "shop", 10) == 14
    assert trusted_keys.taken_serial(store, "shop", 1) == 1


@pytest.mark.parametrize("kept", [0, 4])
def test_trust_does_not_go_backwards(store: t.Any, kept: int) -> None:
    if kept:
        store.keep_trust(envelope(kept), kept)
    with pytest.raises(Tampered, match="5 was seen before") as caught:
        trusted_keys.load(Settings(recovery_key_hex=KEY.hex), store, "shop", last_seen_serial=5)
    assert caught.value.details["serial"] == kept


def test_a_trust_file_that_no_root_signed_ends_nothing_and_gives_nothing(store: t.Any, tmp_path: Path) -> None:
    """Any writer can put one there; then only the roots count, as if there were none."""
    store.keep_trust(envelope(99_999_999, [OTHER.root]), 99_999_999)
    found = trusted_keys.load(Settings(recovery_key_hex=KEY.hex), store, "shop")
    assert (found.trust, len(found.ignored_trust_files)) == (None, 1)
    assert found.writer(SCOPE).recipients == (KEY.opening.recipient,)
    assert found.record_signers(SCOPE) == {KEY.root.public}
    with pytest.raises(KeyRefused, match=r"no trust file for shop that the pinned root signed, and 1 others"):
        trusted_keys.load(host_settings(tmp_path), store, "shop").writer(SCOPE)


def test_the_last_serial_there_is_does_not_end_the_issuing(store: t.Any) -> None:
    store.keep_trust(envelope(3), 3)
    store.keep_trust(b"junk", 4)
    store.keep_trust(b"junk", 99_999_999)
    current = trusted_keys.load(Settings(recovery_key_hex=KEY.hex), store, "shop").trust
    assert current is not None
    taken = trusted_keys.taken_serial(store, "shop", current.serial)
    made = trusted_keys.next_trust(current, "shop", [KEY.opening.recipient], current.signers, [KEY.root], NOW, taken)
    assert trust.verify(made or b"", {KEY.root.public}, "shop").serial == 5
    store.keep_trust(made, 5)
    newest = trusted_keys.load(Settings(recovery_key_hex=KEY.hex), store, "shop", last_seen_serial=5).trust
    assert newest is not None
    assert newest.serial == 5


def test_an_oversized_object_is_not_read_to_its_end(store: t.Any) -> None:
    def endless(start: int, length: int) -> t.Iterator[bytes]:
        assert (start, length) == (0, seals.envelope_limit("trust") + 1)
        yield b" " * length

    store.keep_trust(envelope(1), 1)
    store.keep_trust(b"", 2)
    plain = store.get
    store.get = lambda name, *part: endless(*part) if name.endswith("2.json") else plain(name, *part)
    found = trusted_keys.load(Settings(recovery_key_hex=KEY.hex), store, "shop")
    assert found.trust is not None
    assert found.trust.serial == 1


def test_a_rotation_leaves_every_reader_able_to_read(store: t.Any, tmp_path: Path) -> None:
    old, following = KEY, OTHER
    host = host_settings(tmp_path)
    first = trusted_keys.next_trust(None, "shop", [old.opening.recipient], [entry()], [old.root], NOW)
    store.keep_trust(first, 1)
    before = b"".join(lbx.SealedFile(sealed_name(), [b"x"], trusted_keys.load(host, store, "shop").writer(SCOPE)))

    current = trusted_keys.load(host, store, "shop").trust
    both = [old.opening.recipient, following.opening.recipient]
    store.keep_trust(trusted_keys.next_trust(current, "shop", both, [entry()], [old.root, following.root], NOW), 2)
    assert trusted_keys.load(host, store, "shop").writer(SCOPE).recipients == tuple(both)
    moved = dataclasses.replace(host, roots=(following.root.public.hex(),))
    current = trusted_keys.load(moved, store, "shop").trust
    last = trusted_keys.next_trust(current, "shop", both[1:], [entry()], [following.root], NOW)
    store.keep_trust(last, 3)
    name = trusted_keys.handover_name("shop", old.opening.recipient.kid)
    store.objects[name] = handover.make(old.opening, both[1:])

    found = trusted_keys.load(Settings(recovery_key_hex=following.hex), store, "shop", last_seen_serial=2)
    assert found.trust == trust.verify(last or b"", [following.root.public], "shop")
    assert opens(found, before, sealed_name())
    store.asked.clear()
    assert opens(found, before, sealed_name())
    assert not store.asked  # the old key is kept


@pytest.mark.parametrize("what", ["data", "details"])
def test_a_shared_backup_opens_for_its_guest(store: t.Any, tmp_path: Path, what: str) -> None:
    name = sealed_name(what)
    owner = trusted_keys.load(Settings(recovery_key_hex=KEY.hex), store, "shop")
    data = b"".join(lbx.SealedFile(name, [b"x"], owner.writer(SCOPE)))
    head, _rest = lbx.read_head([data])
    added = wraps.wrap(GUEST.recipient, owner.opener.data_key(head))
    opening = key_file(tmp_path, "opening", GUEST.secret)
    guest = trusted_keys.load(Settings(opening_key_file=opening, roots=(KEY.root.public.hex(),)), store, "shop")
    with pytest.raises(KeyRefused):
        opens(guest, data, name)
    stored = wraps.dump_side_wraps({head.sha256: added})
    store.objects[trusted_keys.side_wraps_name("shop", BACKUP, GUEST.recipient.kid)] = stored
    assert opens(guest, data, name)


def test_files_outside_backups_have_no_side_wraps(store: t.Any, tmp_path: Path) -> None:
    opening = key_file(tmp_path, "opening", GUEST.secret)
    guest = trusted_keys.load(Settings(opening_key_file=opening, roots=(KEY.root.public.hex(),)), store, "shop")
    for name in ("shop/wal/77/1/0000.lbx", "", "other/data/x/0001.lbx"):
        data = b"".join(lbx.SealedFile(name, [b"x"], lbx.Writer((KEY.opening.recipient,), KEY.root)))
        store.asked.clear()
        with pytest.raises(KeyRefused):
            opens(guest, data, name)
        assert not any("wraps" in asked for asked in store.asked)


# The next trust file


def test_nothing_is_issued_when_nothing_would_change() -> None:
    now = NOW + timedelta(microseconds=500)
    made = trusted_keys.next_trust(None, "shop", [KEY.opening.recipient, GUEST.recipient], [entry()], [KEY.root], now)
    assert made is not None
    current = trust.verify(made, [KEY.root.public], "shop")
    assert current.serial == 1
    later = NOW + timedelta(days=1)
    same = dataclasses.replace(entry(), valid_from=now)
    for recipients in ([KEY.opening.recipient, GUEST.recipient], [GUEST.recipient, KEY.opening.recipient]):
        assert trusted_keys.next_trust(current, "shop", recipients, [same], [KEY.root], later) is None
    changed = trusted_keys.next_trust(current, "shop", [KEY.opening.recipient], [same], [KEY.root], later)
    assert changed is not None
    assert trust.verify(changed, [KEY.root.public], "shop").serial == 2


def test_a_serial_that_somebody_took_is_passed_over() -> None:
    made = trusted_keys.next_trust(None, "shop", [KEY.opening.recipient], [entry()], [KEY.root], NOW, taken=41)
    assert trust.verify(made or b"", [KEY.root.public], "shop").serial == 42
    with pytest.raises(UsageError):
        trusted_keys.next_trust(None, "shop", [KEY.opening.recipient], [], [KEY.root], NOW, taken=99_999_999)
