# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests of backups, restores and validations of a database, from options as the modules have them."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    database_target,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.source import (
    DatabaseSource,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.trials import (
    LivingTrial,
    ScratchTrial,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup.request import BackupRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore.request import RestoreRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate.validation import (
    ValidateRequest,
)

Settings = t.Any


def backup(repository: Settings, login: t.Any, cluster: str, database: str, **options: t.Any) -> BackupRequest:
    source, rest = _split(DatabaseSource, options)
    return BackupRequest(repository, DatabaseSource(login, cluster, database, **source), **rest)


def restore(
    repository: Settings, login: t.Any, cluster: str, database: str, host: str = "db1", **options: t.Any
) -> RestoreRequest:
    target, rest = _split(database_target.DatabaseTarget, options)
    return RestoreRequest(repository, database_target.DatabaseTarget(login, cluster, database, host, **target), **rest)


def validation(
    repository: Settings,
    cluster: str,
    database: str,
    *,
    login: t.Any = None,
    target_db: str | None = None,
    **options: t.Any,
) -> ValidateRequest:
    if "scratch_dir" in options:
        options["directory"] = options.pop("scratch_dir")
    chosen, rest = _split(ScratchTrial, options)
    trial: t.Any = ScratchTrial(**chosen)
    if target_db:
        trial = LivingTrial(login, target_db, trial)
    return ValidateRequest(repository, (cluster, database), trial, **rest)


def _split(kind: t.Any, options: dict[str, t.Any]) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    fields = {field.name for field in dataclasses.fields(kind)}
    own = {name: value for name, value in options.items() if name in fields}
    return own, {name: value for name, value in options.items() if name not in fields}
