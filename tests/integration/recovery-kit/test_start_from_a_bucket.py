# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
From a bucket and the recovery key to the plans: the kit that the engine wrote there is fetched, opened and used.

Only installing the packages is left out: the environment of the tests has them. tests/campaigns/cold_start.sh installs
them, and recovers.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import site
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.kit import writing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.kit.contents import Source
from sample_host import SampleHost

ROOT = Path(__file__).resolve().parents[3]

if t.TYPE_CHECKING:
    import types

    from s3_fixtures import S3


def load() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("start", ROOT / "recovery-kit" / "start.py")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def make_environment(into: str, _options: object) -> None:
    """Make one that has the packages of this one."""
    venv = Path(into, "venv")
    load().run([sys.executable, "-I", "-m", "venv", "--without-pip", str(venv)], "Making the environment")
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "tests.pth").write_text("\n".join(site.getsitepackages()))
    playbook = venv / "bin" / "ansible-playbook"
    playbook.write_text(f"#!{venv}/bin/python\nfrom ansible.cli.playbook import main\nmain()\n")
    playbook.chmod(0o755)


@pytest.fixture
def written(s3: S3, tmp_path: Path) -> SampleHost:
    """Write a kit of this collection into the bucket."""
    (tmp_path / "sample").mkdir()
    host = SampleHost(tmp_path / "sample")
    inventory = tmp_path / "hosts.yml"
    store = {"url": f"s3://{s3.bucket}/kit", "endpoint": s3.endpoint_tls, "region": s3.region}
    everybody = {"lifeboat_application": "shop", "lifeboat_store": store, "lifeboat_spares": {"spare7": {}}}
    inventory.write_text(json.dumps({"databases": {"hosts": {"db7": None}, "vars": everybody}}))
    (tmp_path / "recovery").mkdir()
    (tmp_path / "recovery" / "ours.yml").write_text(
        "format: lifeboat-plan/1\nname: ours\ndescription: What we do.\nsteps: [{id: restore, type: restore}]\n"
    )
    settings = dataclasses.replace(host.settings, store=s3.settings("kit"))
    source = Source(str(ROOT), inventory=(str(inventory),), runbook="# Runbook\n")
    writing.write(writing.KitRequest(settings, source), host.world())
    return host


def test_a_bucket_and_the_key_are_enough_to_know_what_to_do(
    written: SampleHost,
    s3: S3,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    program, into = load(), tmp_path / "into"
    monkeypatch.setattr(program, "make_environment", make_environment)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    credentials = tmp_path / "credentials"
    credentials.touch(0o600)
    credentials.write_text(Path(s3.credentials_file).read_text())
    argv = ["--key-file", str(written.key), "--application", "shop", "--store", f"s3://{s3.bucket}/kit"]
    argv += ["--endpoint", s3.endpoint_tls, "--region", s3.region, "--ca-cert", s3.ca_cert, "--into", str(into)]
    argv += ["--credentials", str(credentials)]
    assert program.main(argv) == 0, capfd.readouterr().err
    said = capfd.readouterr().out
    assert "lifeboat_plan=ours" in said
    assert """lifeboat_plan=data_loss -e '{"lifeboat_replace": {"db7": "spare7"}}'""" in said
    assert "The store has no backup that could be restored." in said
    secret = credentials.read_text().split("aws_secret_access_key = ")[1].split()[0]
    assert secret not in said
    files = [path for path in into.iterdir() if path.is_file()]
    assert [path.name for path in files if secret.encode() in path.read_bytes()] == ["run.yml"]
    assert (into / "run.yml").stat().st_mode & 0o777 == 0o600

    again = program.main(argv)
    assert (again, "Fetching" in capfd.readouterr().out) == (0, False)

    credentials.write_text(credentials.read_text().replace(secret, "x" * len(secret)))
    assert program.main([*argv, "--into", str(tmp_path / "other")]) == 1
    assert "Check the credentials" in capfd.readouterr().err
