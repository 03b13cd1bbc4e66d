# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task says is what the engine is asked for, and what it leaves out is the engine's own default."""

from __future__ import annotations

import dataclasses
import importlib

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lifeboat.recovery.plugins.module_utils import _argspec
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies.thresholds import Thresholds
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import calendar, policy
from ansible_collections.lifeboat.recovery.plugins.module_utils._module import Given

MODULES = "ansible_collections.lifeboat.recovery.plugins.modules"
DATABASE = ("repository", "cluster", "postgres")
NEEDED = {
    "backup_doctor": ((*DATABASE, "anomalies"), {}),
    "backup_info": (("repository", "anomalies"), {}),
    "backup_mark": (("repository", "cluster"), {"database": "shop", "backup": "latest"}),
    "backup_metrics": (("repository", "anomalies"), {"path": "/var/lib/lifeboat/metrics/shop.prom"}),
    "backup_verify": (("repository",), {}),
    "pg_backup": ((*DATABASE, "anomalies", "dumping"), {"login_db": "shop"}),
    "pg_basebackup": ((*DATABASE, "anomalies", "chains"), {}),
    "pg_restore": ((*DATABASE, "anomalies"), {"database": "shop"}),
    "restore_validate": ((*DATABASE, "checking"), {"database": "shop"}),
    "store_retention": (("repository", "retention"), {"policy": {"daily": 7}}),
}


def ask(name, **options):
    """Return the request that a task with these options makes."""
    module = importlib.import_module(f"{MODULES}.{name}")
    groups, needed = NEEDED[name]
    spec = module.SPEC.merge(*(getattr(_argspec, group)() for group in groups))
    given = {"application": "shop", "store": {"url": "file:///srv"}, **needed, **options}
    checked = ArgumentSpecValidator(spec.options, spec.mutually_exclusive, required_by=spec.required_by).validate(given)
    assert checked.error_messages == []
    return module.request(Given(checked.validated_parameters, {}))


def parts(request):
    """Return a request, and what it holds of a component."""
    return [request, *(getattr(request, name) for name in ("source", "target", "trial") if hasattr(request, name))]


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_left_out_is_the_engines_default(name):
    told = {"repository", "login", "cluster", "database", "host"}
    told |= {"rules"}  # the engine makes what it is told to make; what is due depends on the hosts' roles
    for part in parts(ask(name)):
        for field in dataclasses.fields(part):
            if field.default is not dataclasses.MISSING and field.name not in told:
                assert getattr(part, field.name) == field.default, field.name


@pytest.mark.parametrize("name", NEEDED)
def test_the_repository_is_handed_on(name):
    repository = ask(name, keys={"roots": ["ab"]}, state_dir="/state").repository
    assert (repository.application, repository.store.url) == ("shop", "file:///srv")
    assert (repository.keys.roots, repository.state_dir) == (("ab",), "/state")


@pytest.mark.parametrize(
    ("name", "option", "value", "field", "wanted"),
    [
        ("pg_backup", "login_db", "orders", "database", "orders"),
        ("pg_backup", "max_age", "12h", "max_age", 43200),
        ("pg_backup", "max_age", "0", "max_age", 0),
        ("pg_backup", "min_bytes", "64MiB", "min_bytes", 64 << 20),
        ("pg_backup", "proof_time_budget", "30m", "proof_time_budget", 1800),
        ("pg_backup", "lock_timeout", "1m", "lock_timeout", 60),
        ("pg_backup", "tables", ["public.a"], "tables", ("public.a",)),
        ("pg_backup", "schemas", "public", "schemas", ("public",)),
        ("pg_backup", "accept_warnings", ["x.*"], "accept_warnings", ("x.*",)),
        ("pg_backup", "accept_shrink", "yes", "accept_shrink", True),
        ("pg_backup", "reason", "emergency", "reason", "emergency"),
        ("pg_restore", "target_db", "copy", "target_db", "copy"),
        ("pg_restore", "anomalies", {"window": 7}, "thresholds", Thresholds(window=7)),
        ("pg_restore", "emergency_backup", "off", "emergency_backup", "off"),
        ("pg_restore", "accept_failed", ["INDEX public x"], "accept_failed", ("INDEX public x",)),
        ("pg_restore", "login_host", "db1", "host", "db1"),
        ("pg_restore", "validate", False, "validate", False),
        ("restore_validate", "check_timeout", "5m", "check_timeout", 300),
        ("restore_validate", "timeout", "2h", "timeout", 7200),
        ("restore_validate", "timeout", "0", "timeout", 0),
        ("restore_validate", "canaries", "yes", "canaries", True),
        ("backup_verify", "sample", "10", "sample", 10),
        ("backup_info", "query", "[0]", "query", "[0]"),
        ("backup_mark", "kind", "hold", "kind", "hold"),
        ("backup_mark", "state", "absent", "state", "absent"),
        ("store_retention", "policy", {"daily": "30d"}, "policy", policy.parse({"daily": "30d"})),
        ("store_retention", "garbage_age", "2d", "garbage_age", 172800),
        ("store_retention", "lock_timeout", "1h", "lock_timeout", 3600),
        ("store_retention", "force", "yes", "force", True),
        ("store_retention", "keep_wal", "1mo", "keep_wal", calendar.parse_age("1mo", "keep_wal")),
        ("store_retention", "replica", True, "replica", True),
    ],
)
def test_an_option_becomes_a_field(name, option, value, field, wanted):
    [found] = [getattr(part, field) for part in parts(ask(name, **{option: value})) if hasattr(part, field)]
    assert found == wanted


def test_checks_are_read_with_their_expectations():
    made = ask(
        "restore_validate",
        checks=[{"query": "SELECT 1", "expect": 1}, {"name": "n", "query": "SELECT 2", "minimum": 2}],
        critical_tables=[{"name": "public.orders"}],
    ).checks
    assert [(check.name, check.minimum) for check in made][:2] == [("SELECT 1", None), ("n", 2.0)]
    assert made[0].expect == 1
    assert made[2].minimum == 1


def test_a_check_without_an_expectation_is_refused_by_name():
    with pytest.raises(UsageError) as caught:
        ask("restore_validate", checks=[{"query": "SELECT 1"}])
    assert caught.value.details["field"] == "checks"


@pytest.mark.parametrize("option", ["max_age", "proof_time_budget", "min_bytes", "lock_timeout"])
def test_a_bad_unit_is_refused_before_anything_is_touched(option):
    with pytest.raises(UsageError, match=option):
        ask("pg_backup", **{option: "a lot"})


def test_several_databases_are_asked_for_as_one_would_be():
    module = importlib.import_module(f"{MODULES}.pg_backup")
    spec = module.SPEC.merge(*(getattr(_argspec, group)() for group in NEEDED["pg_backup"][0]))
    given = {
        "application": "shop",
        "store": {"url": "file:///srv"},
        "databases": ["b", "a"],
        "jobs": 3,
        "max_age": "1h",
    }
    checked = ArgumentSpecValidator(spec.options, spec.mutually_exclusive).validate(given)
    request = module.request(Given(checked.validated_parameters, {}))
    assert (request.databases, request.maintenance_db) == (("b", "a"), "")
    assert (request.source.jobs, request.each.max_age) == (3, 3600)
