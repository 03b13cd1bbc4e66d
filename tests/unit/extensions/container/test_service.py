# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the container runs, when, and how it says that it is well. tests/campaigns/container.py builds and runs it."""

from __future__ import annotations

import datetime
import importlib.util
import json
import re
import typing as t
from pathlib import Path

import pytest
import yaml

if t.TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[4]
FILES = ROOT / "extensions/container"
NOW = datetime.datetime.now(datetime.UTC)
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, with a volume of its own in which a job is due at the begin of each hour."""
    spec = importlib.util.spec_from_file_location("service", FILES / "service.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "CONFIG", tmp_path)
    monkeypatch.setattr(module, "RUNS", tmp_path / "runs.json")
    document = {
        "format": "lifeboat-schedule/1",
        "scheduler": "systemd",
        "zone": "UTC",
        "catch_up": True,
        "places": {"home": "/opt/lifeboat", "state_dir": str(tmp_path), "log_dir": str(tmp_path), "wait": 1},
        "jobs": [{"name": "hourly", "job": "backup", "cron": "0 * * * *", "user": "lifeboat", "variables": {}}],
    }
    (tmp_path / "schedule.json").write_text(json.dumps(document))
    return module


def due(service: ModuleType) -> datetime.datetime:
    running = service.Service()
    (job,) = running._schedule.jobs
    moment: datetime.datetime = running._due(job)
    return moment


def ran(service: ModuleType, ago: datetime.timedelta, status: int | None) -> None:
    service.RUNS.write_text(json.dumps({"hourly": {"began": (NOW - ago).isoformat(), "status": status}}))


def test_a_job_that_was_due_while_the_container_was_stopped_is_due_at_once(service: ModuleType) -> None:
    ran(service, 3 * HOUR, 0)
    assert due(service) <= NOW - HOUR


def test_a_container_that_did_not_exist_missed_nothing(service: ModuleType) -> None:
    before = datetime.datetime.now(datetime.UTC)
    assert before < due(service) <= datetime.datetime.now(datetime.UTC) + HOUR


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (0, 0, "No job failed in its last run."),
        (None, 0, "No job failed in its last run."),
        (9, 0, "No job failed in its last run."),
        (2, 1, "The last run failed of hourly."),
    ],
)
def test_the_last_run_of_each_job_says_how_well_it_is(
    service: ModuleType, capsys: pytest.CaptureFixture[str], status: int | None, code: int, told: str
) -> None:
    ran(service, HOUR, status)
    assert service.main(["health"]) == code
    assert capsys.readouterr().out == f"{told}\n"


def test_it_is_not_well_before_it_began(service: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert service.main(["health"]) == 1
    assert "has not begun" in capsys.readouterr().out


def test_an_unknown_command_is_refused(service: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert service.main(["backup"]) == 2
    assert "lifeboat-container job NAME" in capsys.readouterr().err


def test_the_image_has_everything_that_playbooks_need() -> None:
    text = (FILES / "Containerfile").read_text(encoding="utf-8")
    copied = {word for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for word in line.split()}
    assert {"plugins", "roles", "playbooks", "meta", "extensions"} <= copied
    assert all((ROOT / name).exists() for name in copied)
    assert "\nUSER lifeboat\n" in text


def test_compose_and_quadlet_limit_the_container_alike() -> None:
    (service,) = yaml.safe_load((FILES / "compose.yml").read_text(encoding="utf-8"))["services"].values()
    quadlet = (FILES / "lifeboat.container").read_text(encoding="utf-8")
    limits = f"--memory={service['mem_limit']} --cpus={service['cpus']} --pids-limit={service['pids_limit']}"
    assert limits in quadlet
    assert service["read_only"]
    assert "ReadOnly=true" in quadlet
    assert service["cap_drop"] == ["ALL"]
    assert "DropCapability=all" in quadlet
    assert service["healthcheck"]["test"] == ["CMD", "lifeboat-container", "health"]
    assert "HealthCmd=lifeboat-container health" in quadlet


def test_the_example_and_what_is_fixed_set_only_known_variables() -> None:
    known = yaml.safe_load((ROOT / "roles/preflight/vars/main.yml").read_text(encoding="utf-8"))["preflight_known"]
    for name in ("hosts.yml", "fixed.yml"):
        variables = yaml.safe_load((FILES / name).read_text(encoding="utf-8"))["databases"]["vars"]
        assert {key for key in variables if key.startswith("lifeboat_")} <= set(known)
