# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a component is restored: a plan is made, shown, confirmed, and carried out."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    import contextlib
    from collections.abc import Mapping, Sequence

    from .base import Place, Run, Stored
    from .source import Source

DROPPED = "dropped"
"""The `action` of a result that tells of something that an earlier restore left and this one removed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Committed:
    """What stands in the target's place, and what it replaced, if that was kept."""

    identity: int
    kept: str = ""
    kept_identity: int = 0


Reader = t.Callable[[], "Stored"]
"""Finds a backup in the store, for who needs to look into it."""


class Plan(t.Protocol):
    """
    What a restore will do: the same object in check mode and in the run.

    `target` on `host` is what the confirm token names, `identity` tells whether what is there is still the same (0:
    nothing is), and `selection` names the part that is restored, empty for the whole; these are known at once. All else
    is known when it was decided. With `beside`, the old one stays until the filled one is proved. `destroyed` says that
    it is gone already.
    """

    @property
    def target(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def identity(self) -> int: ...
    @property
    def holds_data(self) -> bool: ...
    @property
    def beside(self) -> bool: ...
    @property
    def destroyed(self) -> bool: ...
    @property
    def selection(self) -> str: ...
    @property
    def before(self) -> str: ...
    @property
    def lines(self) -> tuple[str, ...]: ...
    @property
    def facts(self) -> Mapping[str, t.Any]: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...

    def decide(self) -> None:
        """Look at everything and decide. Raise what stands in the way."""

    def require_free(self) -> None:
        """Raise Busy when the target is in use and may not be taken from its users."""

    def emergency(self) -> Source[t.Any] | None:
        """Return what would be lost, as something to back up first; None when nothing would."""

    def ready(self) -> contextlib.AbstractContextManager[object]:
        """Have the rights that the change needs in the block; where more is seen with them, decide again."""

    def filled(self, emergency: Reader | None, /) -> contextlib.AbstractContextManager[Place]:
        """Fill a place; whatever is raised in the block removes it again. `emergency` was made just before."""

    def commit(self, place: Place, /) -> Committed:
        """Put the place where the target is wanted; from here on it is in use."""

    def settle(self) -> tuple[str, ...]:
        """Do what the target works better with, and return warnings: nothing of the data depends on it."""


class Target(t.Protocol):
    """Where a component's backups of these `kinds` go back to, and the names of the facts that each result has."""

    @property
    def name(self) -> tuple[str, str]: ...
    @property
    def kinds(self) -> frozenset[str]: ...
    @property
    def own_facts(self) -> tuple[str, ...]: ...

    def check(self) -> None:
        """Raise UsageError for values that cannot be meant, before anything is touched."""

    def plan(self, chain: Sequence[Stored], run: Run) -> contextlib.AbstractContextManager[Plan]:
        """Hold what the plan needs; `chain` ends with the backup that is meant, after all that it needs."""
