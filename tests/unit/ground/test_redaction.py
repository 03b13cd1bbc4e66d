# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What our own errors say of a database's objects and values stays at home; what went wrong is told."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils import _notifying
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    failed_objects,
    grants,
    members,
    restorer,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.differences import (
    Difference,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.server import (
    Finding,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.redaction import without
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore.report import lost
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import auditing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications import (
    body,
    notification,
    text,
)

NOW = datetime.datetime(2022, 1, 20, 10, 0, tzinfo=datetime.UTC)


def raised(call: t.Callable[..., t.Any], *given: t.Any) -> errors.RecoveryError:
    with pytest.raises(errors.RecoveryError) as caught:
        call(*given)
    return caught.value


def proved(**findings: t.Any) -> errors.RecoveryError:
    nothing = {"parts": (), "checks": (), "differences": (), "notes": (), "phase_seconds": {}}
    made = validation.Findings(
        backup_id="b-1", component="main/shop", mode="scratch", proof="counts", seconds=1.0, **{**nothing, **findings}
    )
    return raised(validation.outcome, made, (1, 1))


def unmade_view() -> errors.RecoveryError:
    loss = failed_objects.Loss(
        "VIEW public patients", "operator is hidden from billing", "VIEW public patients", accepted=False
    )
    return raised(failed_objects.require, [loss])


def unreadable() -> errors.RecoveryError:
    cause = "Role lifeboat may not read 2 tables or sequences, such as clinic.patients."
    return raised(grants.require, [Finding("error", "unreadable_tables", cause, "Grant.", ("clinic.patients",))])


def unloaded() -> errors.RecoveryError:
    said = errors.ProcessFailed("pg_restore ended.", stderr="pg_restore: error: the disk is full")
    return restorer.explain(said, "restoring INDEX clinic patients_by_name")


MESSAGES: dict[str, tuple[t.Callable[[], errors.RecoveryError], str]] = {
    "an object that could not be created": (unmade_view, "1 objects could not be created, the first is …."),
    "a difference": (
        lambda: proved(differences=(str(Difference("patients on clinic.billing", "missing", "it does not exist")),)),
        "The data restored from backup b-1 differs from the source: ….",
    ),
    "a check, and what it found": (
        lambda: proved(checks=({"name": "patients", "passed": False, "found": "Ann Billing", "wanted": 1},)),
        "The check '…' fails on the restored data: ….",
    ),
    "a table that cannot be read": (
        unreadable,
        "Role lifeboat may not read 2 tables or sequences, such as ….",
    ),
    "what a program was about": (unloaded, "pg_restore failed while …: the disk is full."),
    "a table that cannot be told": (
        lambda: raised(members.Scope.of, (), ['"patients']),
        "The table … is malformed.",
    ),
    "a restore in place": (lambda: lost(unmade_view(), "shop", "b-2"), "was dropped: 1 objects could not be created"),
}


@pytest.mark.parametrize(("make", "told"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_of_ours_names_no_object_where_none_may_be_named(log, make, told) -> None:
    error = make()
    [event] = auditing.events("restore", {}, error, now=NOW, host="db1", os_user="lifeboat", seconds=1.0)
    notice = notification.from_entry(log.add("restore", "failed", message=event.message, facts=event.facts))
    assert notice is not None
    hidden = notification.redact(notice)
    said = text.text(hidden) + body.encode(hidden, short=False).decode()
    assert told in hidden.message
    for word in ("patients", "billing", "clinic"):
        assert word not in said.lower()
    assert "redacted" not in body.encode(notice, short=False).decode()
    assert error.cause in text.text(notice)


def test_an_alarm_names_no_object_either() -> None:
    cause = "Database shop: Role lifeboat may not read 2 tables or sequences, such as clinic.patients."
    check = {
        "name": "rights",
        "result": "failed",
        "cause": cause,
        "remedy": "",
        "facts": {"objects": ["clinic.patients"]},
    }
    [alarm] = _notifying._of_checks([check])
    assert alarm.message == cause
    assert alarm.redacted == cause.replace("clinic.patients", "…")


def test_the_marks_of_an_error_come_along_into_another_process() -> None:
    error = unreadable()
    assert errors.rebuilt(error.record()).names == error.names == ("clinic.patients",)


@pytest.mark.parametrize(
    ("message", "names", "wanted"),
    [
        ("a table of a user", ["a"], "… table of … user"),
        ("The table 'it\\'s \"x\"' is gone.", ['it\'s "x"'], "The table '…' is gone."),
        ("t and t.t", ["t", "t.t"], "… and …"),
        ("nothing", ["", "other"], "nothing"),
        ("a\\tb", ["a\tb"], "…"),
    ],
)
def test_a_marked_part_is_found_as_it_was_written(message: str, names: list[str], wanted: str) -> None:
    assert without(message, names) == wanted
