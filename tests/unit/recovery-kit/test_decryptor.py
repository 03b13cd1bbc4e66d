# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one-file decryptor agrees with the engine on everything, and leaves nothing behind that was not authentic."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import (
    keyfile,
    keys,
    lbx,
    primitives,
    seals,
    trust,
)
from backports import zstd

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "recovery-kit" / "lifeboat_decrypt.py"
VECTORS = ROOT / "tests" / "vectors"
INDEX = json.loads((VECTORS / "index.json").read_bytes())
CODES = {"opens": 0, "accepted": 0, "tampered": 6, "bad-content": 6, "key-refused": 5}

if t.TYPE_CHECKING:
    import types

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = keys.RecoveryKey(bytes(range(100, 132)))
HOST = keys.Signer(bytes(range(1, 33)))
NAME = "shop/data/backup-20260301T120000Z-0123456789abcdef/0001.lbx"
TEXT = b"one row\n" * 1000


def load() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("lifeboat_decrypt", PROGRAM)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


@pytest.fixture(scope="module")
def program() -> types.ModuleType:
    return load()


@dataclasses.dataclass
class Run:
    code: int
    out: bytes
    err: str


class Output(io.TextIOWrapper):
    """A standard output that can be looked into."""


@pytest.fixture
def run(program: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., Run]:
    def call(*argv: str | Path) -> Run:
        out, err = io.BytesIO(), io.StringIO()
        with monkeypatch.context() as patch, contextlib.redirect_stderr(err):
            patch.setattr(sys, "stdout", Output(out))
            code = program.main([str(item) for item in argv])
            return Run(code, out.getvalue(), err.getvalue())

    return call


def write(path: Path, data: bytes | str) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def key_of(name: str, tmp_path: Path) -> Path:
    if name in INDEX["recovery_keys"]:
        return write(tmp_path / name, INDEX["recovery_keys"][name]["hex"])
    path = tmp_path / name
    keyfile.write(str(path), [keyfile.record("opening", bytes.fromhex(INDEX["opening_keys"][name]["secret"]))])
    return path


def arguments(case: dict[str, t.Any], tmp_path: Path) -> list[str | Path]:
    data = b"".join((VECTORS / file).read_bytes()[start:end] for file, start, end in case["parts"])
    given: list[str | Path] = ["--key-file", key_of(case["key"], tmp_path), write(tmp_path / "case.lbx", data)]
    for root in case["roots"]:
        given += ["--root", root]
    for option, field in (("--handover", "handovers"), ("--wraps", "side_wraps")):
        for file in case.get(field, []):
            given += [option, VECTORS / file]
    if "trust" in case:
        given += ["--trust", VECTORS / case["trust"]]
    return given if case["name"] is None else [*given, "--name", case["name"]]


@pytest.mark.parametrize("size", [0, 1, 32, 1000])
def test_a_wrap_opens_by_its_own_reading_of_the_rfc(program: types.ModuleType, size: int) -> None:
    key, message = keys.OpeningKey.generate(), os.urandom(size)
    sealed = primitives.hpke_seal(key.recipient.public, b"info", message)
    assert program.hpke_open(key.secret, b"info", sealed) == message
    assert primitives.hpke_open(key.secret, b"info", sealed) == message
    assert program.hpke_open(key.secret, b"other", sealed) is None


@pytest.mark.parametrize("case", [pytest.param(item, id=item["case"]) for item in INDEX["files"]])
def test_a_published_file_ends_as_the_index_says(
    run: t.Callable[..., Run], tmp_path: Path, case: dict[str, t.Any]
) -> None:
    given, target = arguments(case, tmp_path), tmp_path / "plain"
    found = run(*given, "-o", target)
    assert found.code == CODES[case["outcome"]], found.err
    assert "Traceback" not in found.err
    if case["outcome"] == "opens":
        assert hashlib.sha256(target.read_bytes()).hexdigest() == case["plain_sha256"]
        assert hashlib.sha256(run(*given, "--raw").out).hexdigest() == case["stream_sha256"]
        assert oct(target.stat().st_mode & 0o777) == "0o600"
    else:
        assert not target.exists()
        assert "FAILED: use nothing" in run(*given).err
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".lifeboat-")]


@pytest.mark.parametrize("record", [pytest.param(item, id=item["file"]) for item in INDEX["records"]])
def test_a_published_trust_file_ends_as_the_index_says(
    run: t.Callable[..., Run], tmp_path: Path, record: dict[str, t.Any]
) -> None:
    (case,) = [item for item in INDEX["files"] if item["case"] == "good-host"]
    found = run(*arguments({**case, "trust": record["file"]}, tmp_path))
    opens = record["outcome"] == "accepted" and record["file"] != "trust-compromised.json"
    assert found.code == (0 if opens else 6), found.err


class Backup:
    """A backup of a sealed host: a file, its manifest and the trust file, each of which a test can change."""

    def __init__(self, directory: Path, content: bytes = TEXT) -> None:
        self.directory = directory
        frame = zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1})
        sealed = lbx.SealedFile(NAME, [frame], lbx.Writer((KEY.opening.recipient,), HOST))
        self.data = b"".join(sealed)
        self.entry: dict[str, t.Any] = {
            "name": NAME,
            "member": "0001",
            "volume": 1,
            "size": sealed.size,
            "sha256": sealed.sha256,
            "head_sha256": sealed.head_sha256,
            "plain_size": len(content),
        }
        self.fields: dict[str, t.Any] = {
            "format": "lifeboat-manifest/1",
            "application": "shop",
            "component": "main/shop",
            "finished": "2026-03-01T12:30:00.123456Z",
            "files": [self.entry],
        }
        self.signer = trust.SignerEntry(HOST.public, ("main/*",), NOW, NOW + timedelta(hours=1))
        self.manifest_signer = HOST

    def given(self) -> list[str | Path]:
        listed = trust.TrustFile("shop", 1, NOW, (KEY.opening.recipient,), (self.signer,))
        manifest = seals.seal_record("manifest", json.dumps(self.fields).encode(), [self.manifest_signer])
        return [
            "--key-file",
            write(self.directory / "key", KEY.hex),
            "--trust",
            write(self.directory / "trust.json", trust.sign(listed, [KEY.root])),
            "--manifest",
            write(self.directory / "manifest.json", manifest),
            write(self.directory / "file.lbx", self.data),
        ]


@pytest.fixture
def backup(tmp_path: Path) -> Backup:
    return Backup(tmp_path)


def test_a_file_of_a_backup_opens_with_trust_and_manifest(run: t.Callable[..., Run], backup: Backup) -> None:
    found = run(*backup.given())
    assert (found.code, found.out) == (0, TEXT), found.err
    assert NAME in found.err


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", 1), ("sha256", "0" * 64), ("head_sha256", "0" * 64), ("plain_size", 1), ("name", "shop/other")],
)
def test_a_file_that_its_manifest_does_not_describe_is_refused(
    run: t.Callable[..., Run], backup: Backup, field: str, value: object
) -> None:
    backup.entry[field] = value
    assert run(*backup.given()).code == 6


def test_the_signer_s_scope_dates_and_compromise_count(run: t.Callable[..., Run], backup: Backup) -> None:
    fitting = backup.signer
    for change in (
        {"scope": ("other/*",)},
        {"until": NOW + timedelta(minutes=30)},
        {"valid_from": NOW + timedelta(minutes=31)},
        {"compromised_since": NOW + timedelta(days=300)},
    ):
        backup.signer = dataclasses.replace(fitting, **change)
        assert run(*backup.given()).code == 6
        named = run(*backup.given(), "--signer", HOST.public.hex())
        assert named.code == 0, named.err  # the user took it upon himself
    backup.signer = fitting
    backup.manifest_signer = KEY.root
    assert run(*backup.given()).code == 6
    backup.manifest_signer = HOST
    backup.fields["application"] = "other"
    assert run(*backup.given()).code == 6


def test_a_plaintext_appears_whole_or_not_at_all(run: t.Callable[..., Run], tmp_path: Path) -> None:
    backup = Backup(tmp_path, os.urandom(3 << 20))
    given, target = backup.given(), tmp_path / "plain"
    last = bytearray(backup.data)
    last[-1] ^= 1
    (tmp_path / "file.lbx").write_bytes(last)
    assert run(*given, "-o", target).code == 6
    assert not target.exists()
    bare = [item for item in given if "manifest" not in str(item)]
    partly = run(*bare)
    assert partly.code == 6
    assert 0 < len(partly.out) < 3 << 20
    assert "use nothing of what was written" in partly.err
    (tmp_path / "file.lbx").write_bytes(backup.data)
    assert run(*given, "-o", target).code == 0
    assert target.stat().st_size == 3 << 20
    assert run(*given, "-o", target).code == 2  # nothing is overwritten


@pytest.mark.parametrize("cut", [0, 5])
def test_without_a_library_the_program_zstd_does_it(
    run: t.Callable[..., Run], program: types.ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cut: int
) -> None:
    monkeypatch.setattr(program, "zstd", None)
    frame = zstd.compress(TEXT, options={zstd.CompressionParameter.checksum_flag: 1})
    content = frame[: len(frame) - cut]
    data = b"".join(lbx.SealedFile("", [content], lbx.Writer((KEY.opening.recipient,), KEY.root)))
    given = ["--key-file", write(tmp_path / "key", KEY.hex), write(tmp_path / "file.lbx", data)]
    found = run(*given)
    assert (found.code, found.out) == ((6, found.out) if cut else (0, TEXT)), found.err
    (tmp_path / "file.lbx").write_bytes(data[:-1])
    assert run(*given).code == 6
    (tmp_path / "file.lbx").write_bytes(data)
    monkeypatch.setenv("PATH", "")
    missing = run(*given)
    assert missing.code == 3
    assert "zstd is needed" in missing.err


def test_a_missing_cryptography_is_named(
    run: t.Callable[..., Run], program: types.ModuleType, monkeypatch: pytest.MonkeyPatch, backup: Backup
) -> None:
    monkeypatch.setattr(program, "exceptions", None)
    found = run(*backup.given())
    assert found.code == 3
    assert "pip install cryptography" in found.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "neither the 64 digits"),
        ("secret words", "neither the 64 digits"),
        ("00" * 32, "not random"),
        (KEY.paper()[:-1] + ("0" if KEY.paper()[-1] != "0" else "1"), "misread"),
        ("[]", "no key that opens"),
        ("[1]", "not a key file"),
        ('[{"format":1}]', "not a key file"),
    ],
)
def test_what_is_no_key_is_refused(run: t.Callable[..., Run], backup: Backup, text: str, message: str) -> None:
    given = backup.given()
    write(backup.directory / "key", text)
    found = run(*given)
    assert found.code == 5
    assert message in found.err


def test_keys_come_in_every_form(run: t.Callable[..., Run], backup: Backup) -> None:
    given = backup.given()
    path = backup.directory / "key"
    for text in (KEY.paper(), KEY.hex.upper() + "\n"):
        write(path, text)
        assert run(*given).code == 0
    path.unlink()
    keyfile.write(str(path), [keyfile.record("recovery", KEY.seed)])
    assert run(*given).code == 0
    path.unlink()
    keyfile.write(str(path), [keyfile.record("opening", KEY.opening.secret)])
    assert run(*given).code == 2  # who may have signed?
    assert run(*given, "--root", KEY.root.public.hex()).code == 0
    os.chmod(path, 0o644)
    found = run(*given, "--root", KEY.root.public.hex())
    assert found.code == 5
    assert "chmod 600" in found.err


def test_it_runs_alone(tmp_path: Path, backup: Backup) -> None:
    """Copied out of the project, in isolated mode, from another directory."""
    copy = write(tmp_path / "elsewhere.py", PROGRAM.read_bytes())
    argv = [sys.executable, "-I", str(copy), *(str(item) for item in backup.given())]
    found = subprocess.run(argv, capture_output=True, cwd="/", check=False)
    assert (found.returncode, found.stdout) == (0, TEXT), found.stderr
    piped = subprocess.run([*argv[:-1], "-"], capture_output=True, input=backup.data, cwd="/", check=False)
    assert (piped.returncode, piped.stdout) == (0, TEXT), piped.stderr
    cut = subprocess.run([*argv[:-1], "-"], capture_output=True, input=backup.data[:-1], cwd="/", check=False)
    assert (cut.returncode, cut.stdout) == (6, b"")
    missing = subprocess.run([*argv[:-1], "/nonexistent"], capture_output=True, cwd="/", check=False)
    assert missing.returncode == 1
    assert b"/nonexistent" in missing.stderr


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_key_file_that_an_editor_saved_opens(run: t.Callable[..., Run], tmp_path: Path, encoding: str) -> None:
    (case,) = [item for item in INDEX["files"] if item["case"] == "good-zstd"]
    given = arguments(case, tmp_path)
    key = Path(given[given.index("--key-file") + 1])
    key.write_bytes((key.read_text().rstrip() + "\r\n").encode(encoding))
    assert run(*given).code == 0
    key.write_text("$ANSIBLE_VAULT;1.1;AES256\n6162")
    assert "is encrypted with Ansible Vault" in run(*given).err
