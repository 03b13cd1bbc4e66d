# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What crosses the boundaries of the engine: the world a use case runs in, and what it hands back."""

from __future__ import annotations

import dataclasses
import typing as t

from .printing import printable, printable_lines

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from .errors import RecoveryError


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """
    What a use case did, or in a dry run would do. `before` and `after` make the diff; `facts` are the result.

    What is text for people, the warnings, the diff and the facts `summary` and `table`, forges no line. With an `error`
    the run failed, though part of it was done; `traceback` is of a mistake of this software that was met on the way.
    """

    changed: bool
    facts: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    before: str = ""
    after: str = ""
    warnings: tuple[str, ...] = ()
    error: RecoveryError | None = None
    traceback: str = ""

    def __post_init__(self) -> None:
        facts = dict(self.facts)
        if isinstance(facts.get("summary"), str):
            facts["summary"] = printable(facts["summary"])
        if isinstance(facts.get("table"), list):
            facts["table"] = [printable(line) if isinstance(line, str) else line for line in facts["table"]]
        clean = {"facts": facts, "warnings": tuple(map(printable, self.warnings))}
        clean |= {"before": printable_lines(self.before), "after": printable_lines(self.after)}
        for name, value in clean.items():
            object.__setattr__(self, name, value)


def _no_record(_done: Done) -> None:
    """Keep nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """
    Something that a run did beside what it was asked for: an operation of the audit log, how it ended, and of what.

    `about` has the names that the options of a module would have, or says `component`.
    """

    operation: str
    ended: Outcome | Exception
    about: Mapping[str, t.Any]
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class World:
    """
    What a use case may not fetch by itself, so that tests can hold it still.

    `now` gives the time in UTC, `sleep` waits for seconds, `environ` is the process environment, `dry_run` is
    check mode: plan with the same code, and change nothing. `record` writes something that is done into the history
    at once: the run may still be killed.
    """

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    environ: Mapping[str, str]
    dry_run: bool = False
    record: Callable[[Done], None] = _no_record
