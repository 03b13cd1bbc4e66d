# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs modules one after the other in the same place, and keeps how each ended under the name of a case."""

from __future__ import annotations

import dataclasses
import platform
import typing as t

import placeholders

if t.TYPE_CHECKING:
    from pathlib import Path

    from warm import Modules

ANSIBLES = frozenset({"gid", "group", "invocation", "owner", "secontext", "uid", "warnings"})
"""What Ansible adds to results: the options, and of a result with a `path`, the file's owner."""

KEY = "5f6ad1c8e90b37426fd5a1b0c3e8794d21f0a6b5c4d3e2f19087a6b5c4d3e2f1"
ASKED = {"requested_by": "alice", "ticket": "INC-4711"}


@dataclasses.dataclass
class Story:
    """What came of the modules that ran so far, by module and case; `home` has the key, the store and the memory."""

    home: Path
    modules: Modules
    names: dict[str, str] = dataclasses.field(default_factory=dict)
    results: dict[str, dict[str, t.Any]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("store", "state"):
            (self.home / name).mkdir(mode=0o700)
        self.secret("key", KEY)
        self.names |= {str(self.home): "<home>", platform.node(): "<host>"}

    @property
    def repository(self) -> dict[str, t.Any]:
        """Options of every module that works on the backups."""
        keys = {"recovery_key_file": str(self.home / "key")}
        return {"application": "shop", "store": {"url": f"file://{self.home}/store"}, "keys": keys, **self.memory}

    @property
    def memory(self) -> dict[str, t.Any]:
        return {"state_dir": str(self.home / "state")}

    def secret(self, name: str, text: str) -> str:
        """Write a file that only its owner may read, and return its path."""
        path = self.home / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def run(self, module: str, case: str, options: t.Mapping[str, t.Any], *, check: bool = False) -> dict[str, t.Any]:
        """Run a module, and keep and return what came of it."""
        result = self.modules.run(module, options, check=check)
        self.keep(module, case, result)
        return result

    def keep(self, module: str, case: str, result: t.Mapping[str, t.Any]) -> None:
        """Keep what came of a module, without what Ansible adds of its own."""
        kept = {key: value for key, value in result.items() if key not in ANSIBLES}
        # Before ansible-core 2.19 a warning is its text; since then it is a record with the text in it.
        warnings = [one if isinstance(one, str) else one["event"]["msg"] for one in result.get("warnings", ())]
        if told := [text for text in warnings if not placeholders.OUTDATED.search(text)]:
            kept["warnings"] = told
        cases = self.results.setdefault(module, {})
        assert case not in cases, f"There are two cases {module}/{case}."
        cases[case] = kept
