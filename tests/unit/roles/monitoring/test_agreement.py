# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules, dashboard and documentation speak of the metrics that are written, and of no others."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.login import Login
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.printing import all_printable
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.monitor import families
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal import examining, watching
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies import judging
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import objectives
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.modules import backup_metrics
from recovery_fixtures import STEPS, controller

if t.TYPE_CHECKING:
    from sample_host import SampleHost

ROOT = Path(__file__).resolve().parents[4]
ROLE = ROOT / "roles" / "monitoring"
DOCS = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
RULES = (ROLE / "templates" / "lifeboat.rules.yml.j2").read_text(encoding="utf-8")
DASHBOARD = json.loads((ROLE / "files" / "lifeboat-dashboard.json").read_text(encoding="utf-8"))
METRIC = re.compile(r"\blifeboat_[a-z_]+\b(?=[{\[ )]|$)")
ENGINE = ROOT / "plugins" / "module_utils" / "_engine"


@pytest.fixture
def written(sample: SampleHost, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Every metric of a host on which everything happened, with its labels."""
    for hours in range(24 * 5, 0, -24):
        newest = sample.back_up(hours=hours)
    sample.log("backup", backup_id=newest, rows=1)
    sample.validated(newest)
    sample.schedule()
    sample.server("shop")
    here = controller(sample)
    here.open()
    here.done(*STEPS)
    here.close("failed")
    wanted = objectives.parse({"database": {"rto": "2h", "rpo": "1d"}})
    sample.base()
    sample.archive(range(2, 10))
    monkeypatch.setattr(watching, "ask", lambda _login: (sample.answer(), None))
    look = examining.look
    monkeypatch.setattr(
        examining,
        "look",
        lambda *given: [{**log, "rpo_from": "heartbeat", "rpo_seconds": 60.0} for log in look(*given)],
    )
    found: dict[str, set[str]] = {}
    archiving = watching.Archiving(Login(), 1 << 30)
    for name in sample.values(policy={"keep_within": "30d"}, objectives=wanted, archiving=archiving):
        metric, _brace, labels = name.partition("{")
        found.setdefault(metric, set()).update(re.findall(r"(\w+)=\"", labels))
    return found


def test_the_documented_status_has_the_shape_of_the_real_one(sample: SampleHost) -> None:
    def shape(value: t.Any) -> t.Any:
        """Return the keys, and of a list what all of its items have in common."""
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        return [shape(item) for item in value][:1] if isinstance(value, list) else type(value)

    for day in range(9, 1, -1):
        sample.validated(sample.back_up(hours=24 * day, data=100 << 20))
    sample.back_up(hours=1, data=10 << 20)
    gone = sample.back_up("shop", hours=29)
    next((sample.home / "store").rglob(f"{gone}.json")).unlink()
    sample.log("backup", "failed", message="The disk is full.")
    sample.schedule()
    sample.server("shop", left_out=("scratch",))
    sample.validated(sample.base(cluster="other"), component="other/@physical")
    sample.archive([2, 3, 5])
    documented = yaml.safe_load(backup_metrics.RETURN)["status"]["sample"]
    assert shape(all_printable(sample.watch(cluster=None).facts["status"])) == shape(documented)


def test_the_table_of_metrics_is_complete_and_right(written: dict[str, set[str]]) -> None:
    rows = re.findall(r"^\| `(lifeboat_\w+)` \| ([a-z_, ]+) \|", DOCS, re.MULTILINE)
    assert {name: set(labels.split(", ")) for name, labels in rows} == written


def test_the_table_of_alerts_is_complete_and_right() -> None:
    rules = re.findall(r"- alert: (\w+)\n(?:.*\n)*?\s+labels: \[\[ labels\('(\w+)'\) \]\]", RULES)
    rows = re.findall(r"^\| `(Lifeboat\w+)` \| (\w+) \|", DOCS, re.MULTILINE)
    assert rows == rules
    assert len(rules) == RULES.count("- alert:")


def test_every_threshold_is_a_documented_variable_with_its_default() -> None:
    defaults = (ROLE / "defaults" / "main.yml").read_text(encoding="utf-8")
    used = set(re.findall(r"monitoring_alert_(\w+)", RULES)) - {"labels"}
    for name, value in re.findall(r"`lifeboat_alert_(\w+)`, (\d+)", DOCS):
        assert re.search(rf"lifeboat_alert_{name} \| default\('?{value}[mhd]?'?\)", defaults), name
        used.discard(name)
    assert not used


def test_rules_ask_for_metrics_that_are_written(written: dict[str, set[str]]) -> None:
    asked = set(re.findall(r"\blifeboat_[a-z_]+(?=\{)", RULES))
    assert asked
    assert asked <= set(written)


def test_every_rule_is_about_its_own_application() -> None:
    for name in re.findall(r"\blifeboat_[a-z_]+\{(?!\[\[ app \]\])", RULES):
        pytest.fail(f"{name} is asked of all applications")


def panels() -> list[dict[str, t.Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def test_the_dashboard_asks_for_metrics_that_are_written(written: dict[str, set[str]]) -> None:
    asked = {name for panel in panels() for aim in panel["targets"] for name in METRIC.findall(aim["expr"])}
    assert asked <= set(written)
    shown = {"data_bytes", "rows", "compression_ratio", "duration_seconds", "timestamp_seconds"}
    assert {f"lifeboat_backup_newest_{name}" for name in shown} <= asked


def test_the_dashboard_can_be_imported_anywhere() -> None:
    """No id of somebody's Grafana is in it: the data source is asked for, and each panel uses that."""
    assert "id" not in DASHBOARD
    assert DASHBOARD["uid"]
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    source = {"type": "prometheus", "uid": "${datasource}"}
    for holder in [*panels(), *(aim for panel in panels() for aim in panel["targets"]), variables["application"]]:
        assert holder["datasource"] == source


def test_the_panels_are_whole_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["title"]
        assert panel["targets"] or panel["type"] == "alertlist"
        references = [aim["refId"] for aim in panel["targets"]]
        assert len(set(references)) == len(references)


def test_kinds_that_can_happen_are_shown_before_they_do() -> None:
    """A series that appears with its first damage has no zero before it, and nobody sees when it came."""
    places = (
        ENGINE / "records" / "repository" / "catalogue.py",
        ENGINE / "records" / "anomalies" / "assessment.py",
    )
    source = "".join(path.read_text(encoding="utf-8") for path in places)
    raised = set(re.findall(r"IntegrityProblem\(\s*\"(\w+)\"", source)) | {catalogue.STRANGER, "manifest"}
    assert raised <= set(families.PROBLEMS)
    text = " ".join((judging.Suspicion.__doc__ or "").split())
    kinds = re.search(r"`kind` is `([a-z_ ]+)`", text)
    assert kinds
    assert set(kinds[1].split()) == set(families.SUSPICIONS)


def test_the_example_for_alertmanager_names_alerts_that_exist() -> None:
    example = yaml.safe_load((ROLE / "files" / "alertmanager.example.yml").read_text(encoding="utf-8"))
    named = set(re.findall(r"Lifeboat[A-Z]\w+", json.dumps(example)))
    assert named
    assert named <= set(re.findall(r"- alert: (\w+)", RULES))
