# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program shows what runs and opens what was sealed, without Ansible, and says what is wrong by its exit status."""

from __future__ import annotations

import datetime
import json
import os
import pwd
import subprocess
import sys

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine import cli
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keyfile, lbx, trust
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import RecoveryKey, Signer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import codec, disk
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.streams import Peekable
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit

from .ground.test_status import START, record

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


def remember(state_dir, result="ok", **values):
    event = audit.Event(
        time=datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5),
        result=result,
        host="db1",
        user="ada",
        **{"operation": "backup", "application": "shop", "component": "main/shop", **values},
    )
    audit.AuditLog(str(state_dir)).append(event)


def test_status_shows_what_runs_and_how_the_last_runs_ended(tmp_path, capsys):
    directory = tmp_path / "status"
    directory.mkdir()
    (directory / "a.json").write_text(json.dumps(record(done=3 << 20, expected=6 << 20)))
    remember(tmp_path, message="first")
    remember(tmp_path, "failed", message="The disk is full.")
    assert cli.main(["status", "--directory", str(directory)]) == 0
    shown = capsys.readouterr().out
    assert "backup of shop: 3.0 MiB of about 6.0 MiB" in shown
    assert "backup of shop: FAILED, 5 min ago, by ada: The disk is full." in shown
    assert "first" not in shown
    assert cli.main(["status", "--json", "--directory", str(directory)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["operations"][0]["done"] == 3 << 20
    assert [(run["operation"], run["result"]) for run in told["last_runs"]] == [("backup", "failed")]


def test_status_names_no_subject_where_there_is_none(tmp_path, capsys):
    remember(tmp_path, operation="key", application="", component="", message="made")
    assert cli.main(["status", "--directory", str(tmp_path / "status")]) == 0
    assert "\nkey: ok, 5 min ago, by ada: made\n" in capsys.readouterr().out


def test_status_of_nothing_is_no_error(tmp_path, capsys):
    assert cli.main(["status", "--config-dir", str(tmp_path), "--directory", str(tmp_path / "nowhere")]) == 0
    assert capsys.readouterr().out


def test_status_finds_the_hosts_own_directory(tmp_path, capsys):
    settings(tmp_path, lifeboat_state_dir=str(tmp_path))
    remember(tmp_path, message="It is done.")
    assert cli.main(["status"], {}, str(tmp_path)) == 0
    assert "It is done." in capsys.readouterr().out


def settings(tmp_path, **variables):
    document = {
        "format": "lifeboat-host/1",
        "variables": {"lifeboat_application": "shop", **variables},
        "set": sorted(variables),
        "store": {"url": "s3://backups/x", "credentials_file": "/etc/lifeboat/keys/store.credentials"},
        "keys": {"signer_file": "/etc/lifeboat/keys/signer.json"},
        "login": None,
    }
    (tmp_path / "host.json").write_text(json.dumps(document))
    return str(tmp_path)


def test_config_masks_secrets_and_says_where_each_value_is_from(tmp_path, capsys):
    directory = settings(tmp_path, lifeboat_notify={"url": "https://x", "token": "planted"}, lifeboat_jobs=4)
    environ = {"BACKUP_ENCRYPTION_KEY": "planted", "AWS_REGION": "eu-central-1", "HOME": "/root"}
    assert cli.main(["config", "--config-dir", directory], environ) == 0
    shown = capsys.readouterr().out
    assert "planted" not in shown
    assert "HOME" not in shown
    lines = {line.split()[0]: line for line in shown.splitlines()}
    assert lines["lifeboat_jobs"].endswith("4  (inventory)")
    assert lines["lifeboat_application"].endswith('"shop"  (default)')
    assert lines["AWS_REGION"].endswith('"eu-central-1"  (environment)')
    assert "store.credentials" in lines["store.credentials_file"]
    assert "********" in lines["BACKUP_ENCRYPTION_KEY"]


def test_config_masks_the_login_in_an_address(tmp_path, capsys):
    directory = settings(tmp_path, lifeboat_databases=["a@b"])
    settings_file = tmp_path / "host.json"
    settings_file.write_text(settings_file.read_text().replace("s3://backups/x", "https://ada:pl@nted@store/x"))
    environ = {"AWS_ENDPOINT_URL": "https://ada:planted@s3.example.com:9000"}
    assert cli.main(["config", "--config-dir", directory], environ) == 0
    shown = capsys.readouterr().out
    assert "planted" not in shown
    assert "pl@nted" not in shown
    assert "https://********@store/x" in shown
    assert "https://********@s3.example.com:9000" in shown
    assert '["a@b"]' in shown


def test_names_reach_a_terminal_that_cannot_spell_them(tmp_path):
    settings(tmp_path, lifeboat_databases=["магазин"])
    for arguments in (["config"], ["health"]):
        done = subprocess.run(
            [sys.executable, "-m", CLI, *arguments, "--config-dir", str(tmp_path)],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == ({"config": 0, "health": 2}[arguments[0]], "")
        assert arguments != ["config"] or "\\u043c" in done.stdout


def test_health_looks_at_the_server_of_its_settings_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    cli.main(["health", "--config-dir", str(tmp_path)], {})
    assert "PGSERVICE" not in os.environ


@pytest.mark.parametrize("spoilt", [{"lifeboat_databases": 7}, {"lifeboat_doctor_limits": [1]}])
def test_health_never_takes_a_crash_for_a_warning(tmp_path, capsys, spoilt):
    directory = settings(tmp_path, **spoilt)
    assert cli.main(["health", "--json", "--config-dir", directory], {}) == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["health"], [check["name"] for check in told["checks"]]) == ("failed", ["configuration"])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "lifeboat-host/9"}', '{"format": 3}', "\udcff"])
def test_settings_that_are_none_are_refused(tmp_path, content, capsys):
    (tmp_path / "host.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert cli.main(["config", "--config-dir", str(tmp_path)], {}) == 2
    assert "host.json" in capsys.readouterr().err
    assert cli.main(["health", "--json", "--config-dir", str(tmp_path)], {}) == 2
    assert json.loads(capsys.readouterr().out)["health"] == "failed"


def test_root_becomes_the_user_of_the_backups(tmp_path):
    """Root has no way into PostgreSQL by its socket, and needs none of its rights here."""
    directory = settings(tmp_path, lifeboat_user="nobody")
    program = (
        f"import os, sys; from {CLI.rpartition('.')[0]} import cli\n"
        f"code = cli.main(['config', '--config-dir', {directory!r}])\n"
        "print(os.getuid(), os.geteuid(), os.getgid(), sorted(set(os.getgroups())), os.environ.get('HOME'))\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path), "HOME": "/root"},
        capture_output=True,
        text=True,
        check=True,
    )
    account = pwd.getpwnam("nobody")
    groups = sorted(set(os.getgrouplist("nobody", account.pw_gid)))
    expected = (account.pw_uid, account.pw_gid, groups, account.pw_dir)
    if os.geteuid() != 0:
        expected = (os.getuid(), os.getgid(), sorted(set(os.getgroups())), "/root")
    uid, gid, mine, home = expected
    assert done.stdout.splitlines()[-1] == f"{uid} {uid} {gid} {mine} {home}"


def test_a_user_that_does_not_exist_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    directory = settings(tmp_path, lifeboat_user="no-such-user")
    assert cli.main(["config", "--config-dir", directory], {}) == 2
    assert "no-such-user" in capsys.readouterr().err


def test_a_setting_that_does_not_fit_is_a_failed_check(tmp_path, capsys):
    directory = settings(tmp_path, lifeboat_doctor_limits={"backup_age": "soon"})
    assert cli.main(["health", "--config-dir", directory], {}) == 2
    assert "lifeboat_doctor_limits.backup_age" in capsys.readouterr().out


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
