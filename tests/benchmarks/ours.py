# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
One thing that the engine does, as a process of its own that can be measured: `ours.py WHAT SETTINGS`.

WHAT is backup or restore of a database, or physical or recover of a whole server. The settings are a JSON file; the
work is what the modules do, without Ansible around it.
"""

from __future__ import annotations

import datetime
import importlib
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
importlib.import_module("conftest")  # makes the collection importable
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    database_target,
    physical_source,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    Login,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.source import (
    DatabaseSource,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import StoreSettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.pitr import recover
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.request import PitrRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore import restore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)


def main() -> None:
    what, path = sys.argv[1:]
    settings = json.loads(Path(path).read_text(encoding="utf-8"))
    world = World(now=lambda: datetime.datetime.now(datetime.UTC), sleep=time.sleep, environ=dict(os.environ))
    repository = catalogue.RepositorySettings(
        application="bench",
        store=StoreSettings(**settings["store"]),
        keys=KeySettings(recovery_key_file=settings["key"]),
    )
    login = Login(unix_socket=settings["socket"], port=settings["port"], user="postgres")
    if what == "backup":
        options = dict(settings["backup"])
        frame = {name: options.pop(name) for name in ("compression", "max_shrink") if name in options}
        source = DatabaseSource(login, "main", settings["database"], **options)
        outcome = backup.back_up(backup.BackupRequest(repository, source, **frame), world)
    elif what == "physical":
        files = physical_source.PhysicalSource(login, "main", wal=settings["physical"]["wal"])
        outcome = backup.back_up(backup.BackupRequest(repository, files), world)
    elif what == "recover":
        place, programs = settings["recover"]["data_directory"], settings["recover"]["bin_dir"]
        outcome = recover(
            PitrRequest(repository, "main", place, "postgres", "here", target="immediate", bin_dir=programs), world
        )
    else:
        options = dict(settings["restore"])
        frame = {name: options.pop(name) for name in ("backup", "confirm", "validate") if name in options}
        target = database_target.DatabaseTarget(login, "main", settings["database"], "localhost", **options)
        outcome = restore.restore(restore.RestoreRequest(repository, target, **frame), world)
    print(json.dumps(outcome.facts, default=str))


if __name__ == "__main__":
    main()
