# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What begins a recovery believes the recovery key alone: whatever else a store gives is named, and never run."""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import io
import json
import os
import tarfile
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keys, seals
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.kit import listing

ROOT = Path(__file__).resolve().parents[3]
OTHER = keys.RecoveryKey(bytes(range(50, 82)))

if t.TYPE_CHECKING:
    import types
    from collections.abc import Callable

    from kit_fixtures import KitMaker


@pytest.fixture(scope="module")
def program() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("start", ROOT / "recovery-kit" / "start.py")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


class Run(t.NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def begin(
    program: types.ModuleType,
    kit: KitMaker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Run]:
    """Run it with the kit of the sample host. Programs are not run, and each that would be is an error."""

    def refuse(argv: list[str], *_arguments: object, **_options: object) -> None:
        raise AssertionError(argv)

    def call(*argv: str) -> Run:
        monkeypatch.setattr(program.subprocess, "run", refuse)
        store = f"file://{kit.host.home}/store"
        given = ["--key-file", str(kit.host.key), "--store", store, "--into", str(tmp_path / "into"), *argv]
        given += [] if "--application" in argv else ["--application", "shop"]
        code = program.main(given)
        said = capsys.readouterr()
        return Run(code, said.out, said.err)

    return call


def signed(kit: KitMaker, payload: dict[str, t.Any], key: keys.RecoveryKey | None = None, kind: str = "kit") -> None:
    root = (key or keys.RecoveryKey.from_hex(kit.host.key.read_text())).root
    (kit.folder / "kit.json").write_bytes(seals.seal_record(kind, json.dumps(payload).encode(), [root]))


def payload(kit: KitMaker) -> dict[str, t.Any]:
    envelope = json.loads((kit.folder / "kit.json").read_bytes())
    return t.cast("dict[str, t.Any]", json.loads(base64.b64decode(envelope["payload"])))


def test_signatures_are_those_of_everybody_else(program: types.ModuleType) -> None:
    for number in range(3):
        signer = keys.Signer(hashlib.sha256(bytes([number])).digest())
        body = bytes([number]) * number
        signature = signer.sign("kit", body)
        assert program.ed25519_public(signer.secret) == signer.public
        assert program.signed_by(signer.public, signature, "kit", body)
        assert not program.signed_by(signer.public, signature, "trust", body)
        assert not program.signed_by(OTHER.root.public, signature, "kit", body)
        for place in (0, 31, 32, 63):
            flipped = bytearray(signature)
            flipped[place] ^= 1
            assert not program.signed_by(signer.public, bytes(flipped), "kit", body)
        # The same number beyond the order of the group would be a second signature of the same.
        beyond = int.from_bytes(signature[32:], "little") + program.ORDER
        assert not program.signed_by(signer.public, signature[:32] + beyond.to_bytes(32, "little"), "kit", body)
    for y in program.SMALL_ORDER_Y:
        small = y.to_bytes(32, "little")
        assert not program.signed_by(small, small + bytes(32), "kit", b"")


def test_the_key_is_read_in_each_form(program: types.ModuleType, kit: KitMaker, tmp_path: Path) -> None:
    key = keys.RecoveryKey.from_hex(kit.host.key.read_text())
    for number, text in enumerate((key.hex, key.paper(), "\ufeff" + key.hex + "\r\n")):
        path = tmp_path / f"{number}.key"
        path.touch(0o600)
        path.write_text(text, encoding="utf-8")
        assert program.read_root(str(path)) == key.root.public


def test_a_whole_kit_is_fetched_before_anything_runs(begin: Callable[..., Run], kit: KitMaker, tmp_path: Path) -> None:
    kit.write()
    with pytest.raises(AssertionError, match="venv"):
        begin()
    fetched = tmp_path / "into" / "kit"
    assert {path.name for path in fetched.rglob("*.whl")} == {"one-1.0-py3-none-any.whl"}
    assert (tmp_path / "into").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "beginning", ["start.py", "README", "lifeboat_decrypt", "collection-", "inventory-", "versions", "wheels/one"]
)
def test_each_changed_file_is_refused_by_name(begin: Callable[..., Run], kit: KitMaker, beginning: str) -> None:
    kit.write()
    path = kit.file(beginning)
    content = path.read_bytes()
    other = kit.file("README" if beginning != "README" else "versions").read_bytes()
    flipped = bytes([content[0] ^ 1]) + content[1:]
    for changed in (flipped, content + b"\0", content[:-1], other, "a link", "a pipe", "missing"):
        path.unlink()
        if isinstance(changed, bytes):
            path.write_bytes(changed)
        elif changed == "a link":
            path.symlink_to(kit.host.key)
        elif changed == "a pipe":
            os.mkfifo(path)
        run = begin()
        assert run.code == (1 if changed == "missing" else 6)
        assert path.name in run.err
        path.unlink(missing_ok=True)
        path.write_bytes(content)


def test_a_kit_of_another_key_is_refused(begin: Callable[..., Run], kit: KitMaker) -> None:
    kit.write()
    fields = payload(kit)
    for kind, key in (("kit", OTHER), ("manifest", None), ("trust", None)):
        signed(kit, fields, key, kind)
        run = begin()
        assert run.code == 6
        assert "not signed by this recovery key" in run.err
    signed(kit, fields)
    run = begin("--root", "0123456789abcdef")
    assert run.code == 5
    assert "another recovery key" in run.err


def test_an_old_kit_is_told_and_refused(begin: Callable[..., Run], kit: KitMaker, tmp_path: Path) -> None:
    kit.write()
    run = begin("--serial", "2")
    assert run.code == 6
    assert "put an old kit back" in run.err
    (tmp_path / "into").mkdir(mode=0o700)
    (tmp_path / "into" / ".lifeboat-kit").write_text('{"serial": 7}')
    run = begin()
    assert (run.code, "kit 7 is known" in run.err) == (6, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "lifeboat-kit/2"}, "does not know"),
        ({"application": "crm"}, "that of crm"),
        ({"extra": 1}, "not as it was written"),
        ({"serial": True}, "not as it was written"),
        ({"files": []}, "one collection and one inventory"),
        ({"files": [{"name": "../x", "size": 1, "sha256": "0"}]}, "no kit has"),
        ({"files": [{"name": "/etc/x", "size": 1, "sha256": "0"}]}, "no kit has"),
        ({"files": [{"name": "wheels/../../x", "size": 1, "sha256": "0"}]}, "no kit has"),
        ({"files": [{"name": "x", "size": 1 << 40, "sha256": "0"}]}, "no kit has"),
    ],
)
def test_a_list_that_no_kit_has_is_refused(
    begin: Callable[..., Run], kit: KitMaker, change: dict[str, t.Any], said: str
) -> None:
    kit.write()
    signed(kit, {**payload(kit), **change})
    run = begin()
    assert run.code in {3, 6}
    assert said in run.err


def test_a_twice_named_key_is_no_second_reading(begin: Callable[..., Run], kit: KitMaker) -> None:
    kit.write()
    envelope = kit.folder / "kit.json"
    envelope.write_bytes(b'{"payload":"",' + envelope.read_bytes()[1:])
    assert begin().code == 6


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("../out", tarfile.REGTYPE, ""),
        ("/out", tarfile.REGTYPE, ""),
        ("a/../../out", tarfile.REGTYPE, ""),
        ("link", tarfile.SYMTYPE, "/etc"),
        ("link", tarfile.LNKTYPE, "../key"),
        ("pipe", tarfile.FIFOTYPE, ""),
        ("disk", tarfile.BLKTYPE, ""),
        ("new\nline", tarfile.REGTYPE, ""),
    ],
)
def test_nothing_is_unpacked_that_leads_elsewhere(
    program: types.ModuleType, tmp_path: Path, name: str, kind: bytes, target: str
) -> None:
    path, into = tmp_path / "a.tar", tmp_path / "into"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info, io.BytesIO())
    into.mkdir()
    with pytest.raises(program.Failed, match="no plain file"):
        program.unpack(str(path), str(into))
    assert list(into.iterdir()) == []
    assert not (tmp_path / "out").exists()


def test_a_directory_of_others_is_not_used(begin: Callable[..., Run], kit: KitMaker, tmp_path: Path) -> None:
    kit.write()
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "theirs").write_text("")
    (tmp_path / "into").chmod(0o777)
    run = begin()
    assert (run.code, "--into" in run.err) == (2, True)
    assert (tmp_path / "into" / "theirs").exists()
    # What is marked as ready would be run as it is.
    (tmp_path / "into" / ".lifeboat-kit").write_text('{"serial": 1}')
    run = begin()
    assert (run.code, "is not a directory of yours alone" in run.err) == (2, True)


def test_what_is_missing_is_named(begin: Callable[..., Run], kit: KitMaker) -> None:
    run = begin()
    assert (run.code, "kit.json" in run.err) == (1, True)
    kit.host.key.chmod(0o644)
    run = begin()
    assert (run.code, "chmod 600" in run.err) == (5, True)
    assert begin("--application", "../x").code in {2, 5}


def test_a_request_is_signed_as_the_documentation_of_aws_says(program: types.ModuleType) -> None:
    """Only the form: whether a server accepts it is asked of one."""
    options = argparse.Namespace(
        store="s3://a-bucket/some/prefix", application="shop", region="eu-central-1", endpoint="", ca_cert=""
    )
    bucket = program.Bucket(options, ("ID", "SECRET", "TOKEN"))
    assert bucket.endpoint == "https://s3.eu-central-1.amazonaws.com"
    headers = bucket.signed("/a-bucket/some/prefix/shop/recovery-kit/kit.json")
    assert f"Credential=ID/{datetime.now(UTC):%Y%m%d}/eu-central-1/s3/aws4_request" in headers["authorization"]
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token" in headers["authorization"]
    assert "SECRET" not in str(headers)


def test_both_know_the_same_format(program: types.ModuleType) -> None:
    assert (program.FORMAT, program.FILE_LIMIT) == (listing.FORMAT, listing.FILE_LIMIT)
