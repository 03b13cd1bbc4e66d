# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program shows what runs and opens what was sealed, without Ansible, and says what is wrong by its exit status."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine import cli, codec, disk
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.crypto import keyfile, lbx, trust
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.crypto.keys import RecoveryKey, Signer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.streams import Peekable

from .test_status import START, record

NAME = "shop/data/b/0001.lbx"
CLI = "ansible_collections.lifeboat.recovery.plugins.module_utils._engine.cli"


@pytest.fixture
def recovery():
    return RecoveryKey.generate()


@pytest.fixture
def seal(tmp_path, recovery):
    """Write a sealed file whose content is `plain`, signed by `signer`."""

    def write(plain=b"INSERT;\n" * 1000, signer=None):
        writer = lbx.Writer((recovery.opening.recipient,), signer or recovery.root)
        stream = codec.compress(Peekable([plain]), codec.Codec.parse("zstd"))
        disk.write_atomically(str(tmp_path / "0001.lbx"), iter(lbx.SealedFile(NAME, stream, writer)))
        return str(tmp_path / "0001.lbx")

    return write


def key_file(tmp_path, type_, secret):
    path = str(tmp_path / f"{type_}.json")
    keyfile.write(path, [keyfile.record(type_, secret)])
    return path


def test_status_shows_a_line_and_json(tmp_path, capsys):
    (tmp_path / "a.json").write_text(json.dumps(record(done=3 << 20, expected=6 << 20)))
    assert cli.main(["status", "--directory", str(tmp_path)]) == 0
    assert "backup of shop: 3.0 MiB of about 6.0 MiB" in capsys.readouterr().out
    assert cli.main(["status", "--json", "--directory", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["done"] == 3 << 20


def test_status_of_nothing_is_no_error(tmp_path, capsys):
    assert cli.main(["status", "--directory", str(tmp_path / "nowhere")]) == 0
    assert capsys.readouterr().out


def test_a_file_opens_with_the_recovery_key_in_the_environment(tmp_path, seal, recovery):
    out = tmp_path / "out"
    environ = {"BACKUP_ENCRYPTION_KEY": recovery.hex}
    assert cli.main(["decrypt", seal(), "-o", str(out), "--name", NAME], environ) == 0
    assert out.read_bytes() == b"INSERT;\n" * 1000
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_hosts_file_opens_with_an_opening_key_and_the_trust_file(tmp_path, seal, recovery):
    signer = Signer.generate()
    entry = trust.SignerEntry(signer.public, ("main/*",), START)
    listed = trust.TrustFile("shop", 1, START, (recovery.opening.recipient,), (entry,))
    (tmp_path / "trust.json").write_bytes(trust.sign(listed, [recovery.root]))
    key = key_file(tmp_path, "opening", recovery.opening.secret)
    arguments = ["decrypt", seal(signer=signer), "-o", str(tmp_path / "out"), "--key-file", key]
    root = ["--root", recovery.root.public.hex()]
    assert cli.main([*arguments, *root], {}) == 6
    assert cli.main([*arguments, *root, "--trust", str(tmp_path / "trust.json")], {}) == 0
    assert (tmp_path / "out").read_bytes() == b"INSERT;\n" * 1000


def test_a_named_signer_is_believed(tmp_path, seal, recovery):
    signer = Signer.generate()
    key = key_file(tmp_path, "opening", recovery.opening.secret)
    arguments = ["decrypt", seal(signer=signer), "-o", str(tmp_path / "out"), "--key-file", key]
    assert cli.main([*arguments, "--signer", signer.public.hex()], {}) == 0
    assert cli.main([*arguments, "--signer", "beef"], {}) == 2
    assert cli.main(arguments, {}) == 2


def test_what_is_altered_or_not_ours_leaves_nothing(tmp_path, seal, recovery, capsys):
    path, out = seal(), tmp_path / "out"
    environ = {"BACKUP_ENCRYPTION_KEY": recovery.hex}
    assert cli.main(["decrypt", path, "-o", str(out)], {"BACKUP_ENCRYPTION_KEY": RecoveryKey.generate().hex}) == 6
    assert cli.main(["decrypt", path, "-o", str(out), "--name", "shop/data/b/0002.lbx"], environ) == 6
    data = bytearray(disk_bytes(path))
    data[-1] ^= 1
    (tmp_path / "bad.lbx").write_bytes(data)
    assert cli.main(["decrypt", str(tmp_path / "bad.lbx"), "-o", str(out)], environ) == 6
    assert not out.exists()
    assert "lifeboat: " in capsys.readouterr().err


def test_no_key_says_which_one_is_needed(tmp_path, seal, capsys):
    assert cli.main(["decrypt", seal(), "-o", str(tmp_path / "out")], {}) == 5
    assert "BACKUP_ENCRYPTION_KEY is required" in capsys.readouterr().err


def test_an_output_that_is_there_stays_as_it_is(tmp_path, seal, recovery):
    out = tmp_path / "out"
    out.write_text("mine")
    assert cli.main(["decrypt", seal(), "-o", str(out)], {"BACKUP_ENCRYPTION_KEY": recovery.hex}) == 4
    assert out.read_text() == "mine"


def test_it_works_as_a_filter(seal, recovery):
    with open(seal(), "rb") as stored:
        command = [sys.executable, "-m", CLI, "decrypt", "-", "-o", "-"]
        environ = {"BACKUP_ENCRYPTION_KEY": recovery.hex, "PYTHONPATH": ":".join(sys.path)}
        done = subprocess.run(command, stdin=stored, env=environ, check=True, capture_output=True)
    assert done.stdout == b"INSERT;\n" * 1000


@pytest.mark.parametrize("arguments", [["status"], ["decrypt", "/nowhere", "-o", "/nowhere/out"]])
def test_neither_ansible_nor_boto3_is_imported(arguments, recovery):
    program = (
        f"import sys; from {CLI} import main; main({arguments!r}); "
        "print([name for name in sys.modules if name.split('.')[0] in ('ansible', 'boto3', 'botocore')])"
    )
    environ = {"BACKUP_ENCRYPTION_KEY": recovery.hex, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environ, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def disk_bytes(path):
    return b"".join(disk.read_blocks(path))
