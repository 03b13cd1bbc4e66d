# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A recovery where nothing of its source is but the store and the recovery key: pitr_elsewhere.py REQUEST

pitr_targets.py runs it in namespaces of its own: without the source's directory, without a network, under another
host name and for another user of the operating system. REQUEST is a file of JSON: what to recover, to which moment, and
what is lost on the way. Prints the rows of the recovered server, or why there is none, as JSON.
"""

from __future__ import annotations

import datetime
import importlib
import json
import os
import shutil
import subprocess
import sys
import time
import typing as t
from pathlib import Path

# This directory goes: a file of the same name as a package lies in it.
HERE = Path(sys.path.pop(0)).resolve()
sys.path.insert(0, str(HERE.parent / "integration"))
sys.path.insert(0, str(HERE.parent))
importlib.import_module("conftest")  # makes the collection importable
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    Login,
    connect,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import StoreSettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import RecoveryError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.pitr import recover
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.request import PitrRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.catalogue import (
    RepositorySettings,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    place = Path(told["data_directory"])
    keys = KeySettings(recovery_key_file=told["key"])
    request = PitrRequest(
        RepositorySettings(told["application"], StoreSettings(told["store"]), keys, told["state"]),
        cluster="main",
        data_directory=str(place),
        owner=told["owner"],
        host=os.uname().nodename,
        target=told["target"],
        timeline=told["timeline"],
        bin_dir=told["bin"],
        tablespaces={"fast": f"{place}-fast"},
    )
    world = World(lambda: datetime.datetime.now(datetime.UTC), _Sleeping(told["lost"]), {"PATH": os.environ["PATH"]})
    try:
        recover(request, world)
    except RecoveryError as exc:
        print(json.dumps({"failed": str(exc), "left": place.exists()}))
        return
    print(json.dumps({"ids": _ids(place, told["bin"], told["owner"])}))


class _Sleeping:
    """Passes the time; at its `looks`th call something is renamed, so that it is lost."""

    def __init__(self, lost: dict[str, t.Any] | None) -> None:
        self._lost = lost

    def __call__(self, seconds: float) -> None:
        if self._lost:
            self._lost["looks"] -= 1
            if self._lost["looks"] < 0:
                os.rename(self._lost["path"], self._lost["aside"])
                self._lost = None
        time.sleep(seconds)


def _ids(place: Path, programs: str, owner: str) -> list[int]:
    """Start what was recovered, and return the rows that it has."""
    run = place.with_name(f"{place.name}-run")
    run.mkdir()
    shutil.chown(run, owner, owner)
    options = f"-c unix_socket_directories={run} -c listen_addresses='' -c archive_mode=off -p 5432"
    control = ["runuser", "-u", owner, "--", f"{programs}/pg_ctl", "-D", str(place), "-w"]
    subprocess.run([*control, "-l", f"{run}/log", "-o", options, "-s", "start"], check=True, cwd="/")
    try:
        with connect(Login(unix_socket=str(run), port=5432, user="postgres"), "postgres") as session:
            return [row[0] for row in session.execute("SELECT id FROM public.told ORDER BY id").fetchall()]
    finally:
        subprocess.run([*control, "-m", "immediate", "-s", "stop"], check=True, cwd="/")


if __name__ == "__main__":
    main()
