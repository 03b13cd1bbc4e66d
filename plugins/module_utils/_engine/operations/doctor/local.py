# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examination of the host that this runs on, by what its role wrote down about it."""

from __future__ import annotations

import typing as t

from ...drivers.components.postgres.connection import Login
from ...drivers.crypto import local_keys
from ...drivers.stores import factory
from ...ground import host_state
from ...ground.errors import UsageError
from ...records.anomalies import thresholds
from ...records.recovery import objectives
from ...records.repository.catalogue import RepositorySettings
from ...records.repository.trusted_keys import KeySettings
from . import doctor
from .check import ExamineRequest

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ...records.host.settings import HostSettings


def request_of(
    settings: HostSettings, config_dir: str, environ: Mapping[str, str], only: tuple[str, ...] = ()
) -> ExamineRequest:
    """
    Return what role `doctor` would ask for on this host, or these checks alone.

    Raise UsageError when the settings do not fit together.
    """
    keys = dict(settings.keys)
    roots_file = keys.pop("roots_file", None)
    roots = (*keys.pop("roots", ()), *(local_keys.read_roots(roots_file) if roots_file else ()))
    databases = settings.value("databases", "all")
    exclude = settings.value("databases_exclude", [])
    try:
        repository = RepositorySettings(
            application=settings.value("application"),
            store=factory.settings_of(settings.store, environ),
            keys=KeySettings(**keys, roots=roots),
            state_dir=settings.value("state_dir", host_state.DIRECTORY),
        )
        login = Login(**{**settings.login, "port": int(settings.login.get("port", 5432))}) if settings.login else None
    except TypeError as exc:
        raise UsageError(
            f"{settings.path} contains an unknown setting.",
            "Run playbook lifeboat.recovery.install again.",
        ) from exc
    return ExamineRequest(
        repository=repository,
        cluster=settings.value("cluster", "main"),
        login=login,
        databases=("*",) if databases == "all" else _many(databases),
        exclude=_many(exclude),
        accept_warnings=_many(settings.value("accept_warnings", [])),
        config_dir=config_dir,
        scratch_dir=settings.value("scratch_dir"),
        limits=doctor.limits(settings.value("doctor_limits"), "lifeboat_doctor_limits"),
        thresholds=thresholds.parse(settings.value("anomalies"), "lifeboat_anomalies"),
        objectives=objectives.parse(settings.value("objectives", {})),
        only=only or _many(settings.value("doctor_checks", [])),
        fail_on="never",
    )


def _many(value: t.Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
