# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Module store_retention as a process of its own that kills itself: retention_victim.py SETTINGS, a JSON file.

It dies by SIGKILL right before its so manieth change of the store; without a number it counts them. A lock that
somebody left counts as dead at once.
"""

from __future__ import annotations

import datetime
import importlib
import json
import os
import signal
import sys
import threading
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
importlib.import_module("conftest")  # makes the collection importable
from ansible.module_utils.testing import patch_module_args
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import store_lock
from ansible_collections.lifeboat.recovery.plugins.modules import store_retention

CHANGES = ("put", "put_new", "delete", "purge")


class Watched:
    """A store each change of which is a step."""

    def __init__(self, store: t.Any, at: int | None) -> None:
        self.steps = 0
        self._store = store
        self._at = at
        self._mutex = threading.Lock()

    def __getattr__(self, name: str) -> t.Any:
        if name in CHANGES:
            with self._mutex:
                self.steps += 1
                if self.steps == self._at:
                    os.kill(os.getpid(), signal.SIGKILL)
        return getattr(self._store, name)

    def purge_all(self, names: t.Sequence[str]) -> t.Any:
        return base.one_by_one(self.purge, names)


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    store_lock.STALE = datetime.timedelta(0)
    open_store = catalogue.factory.open_store
    watched: list[Watched] = []

    def opened(*given: t.Any, **named: t.Any) -> t.Any:
        watched.append(Watched(open_store(*given, **named), settings["at"]))
        return watched[-1]

    catalogue.factory.open_store = opened  # type: ignore[assignment]
    try:
        with patch_module_args(settings["options"]):
            store_retention.main()
    finally:
        Path(settings["steps"]).write_text(str(sum(store.steps for store in watched)), encoding="ascii")


if __name__ == "__main__":
    main()
