# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Every error that the engine raises on purpose.

A message is two sentences: the cause, and what to do next. `details` is the machine-readable part; it becomes
extra keys of a module's result. `exit_code` is what the command line ends with, so that a script can tell a
wrong key from an unreachable store.
"""

from __future__ import annotations

import typing as t

from .printing import printable

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class RecoveryError(Exception):
    """
    The root of the tree: `cause` in one sentence, `remedy` in one sentence, and `details` for machines.
    Names in the sentences may be whatever somebody chose; they cannot break the line.
    """

    exit_code = 1

    def __init__(self, cause: str, remedy: str = "", **details: object) -> None:
        self.names: tuple[str, ...] = ()
        self.cause = printable(cause)
        self.remedy = printable(remedy)
        super().__init__(self.cause, self.remedy)
        self.details = details

    def __str__(self) -> str:
        return f"{self.cause} {self.remedy}".strip()

    def advise(self, more: str) -> None:
        """Add a sentence to the remedy."""
        self.remedy = f"{self.remedy} {printable(more)}".strip()

    def naming(self, *names: str) -> t.Self:
        """Mark parts of the cause that name a database's objects or tell values: not everybody may read them."""
        self.names = names
        return self

    def record(self) -> dict[str, t.Any]:
        """Return what `rebuilt` makes the same error of, in another process."""
        kinds = [kind.__name__ for kind in type(self).__mro__]
        told = {"cause": self.cause, "remedy": self.remedy, "names": self.names, "details": self.details}
        return {"kinds": kinds, **told}


class UsageError(RecoveryError):
    """A value that the caller gave is refused before anything is touched; `details["field"]` names it."""

    exit_code = 2


def require_one_of(field: str, value: str, allowed: Collection[str]) -> None:
    """Raise UsageError unless the value of this field is one that is allowed."""
    if value not in allowed:
        raise UsageError(f"The {field} {value!r} is unknown.", f"Use one of {', '.join(allowed)}.", field=field)


class MissingLibrary(RecoveryError):
    """A Python library that this work needs cannot be imported."""

    exit_code = 3

    def __init__(self, library: str, purpose: str) -> None:
        super().__init__(
            f"The Python library {library} is needed {purpose}, but cannot be imported.",
            "Install it on the host where this runs, or run playbook lifeboat.recovery.install for this host.",
            library=library,
        )


class StoreError(RecoveryError):
    """The store could not be reached, refused, or did not keep what it was given."""

    exit_code = 4


class NotFound(StoreError):
    """The store holds no object of that name."""


class AlreadyExists(StoreError):
    """A create-only write met an object of that name."""


class AccessDenied(StoreError):
    """The store knows us and says no, or does not know us."""


class Full(StoreError):
    """The store has no room for what was written."""


class InconsistentStore(StoreError):
    """The store shows less than it must hold: nothing may be concluded from what it does not show."""


class KeyRefused(RecoveryError):
    """A key is missing, malformed, or opens nothing here."""

    exit_code = 5


class Tampered(RecoveryError):
    """Stored bytes failed a check of authenticity or completeness: nothing of them may be used."""

    exit_code = 6


class ProcessFailed(RecoveryError):
    """A program ended with an error; `details` holds `program`, `exit_status` and `stderr`."""

    exit_code = 7


class DatabaseError(RecoveryError):
    """PostgreSQL could not be reached, refused, or is not as the work needs it."""

    exit_code = 8


class Busy(RecoveryError):
    """Somebody else holds what this work needs; trying again later can help."""

    exit_code = 9


class ProofMismatch(RecoveryError):
    """A restored database is not the one that was backed up; `details["differences"]` lists how."""

    exit_code = 10


class TooSmall(RecoveryError):
    """A guard refuses a backup that is smaller than it may be: nothing was listed."""

    exit_code = 12


class CanaryMissed(RecoveryError):
    """A fault that was planted on purpose passed unnoticed: what the validator says is worth nothing."""

    exit_code = 14


class Unhealthy(RecoveryError):
    """A check of the doctor is as bad as its caller accepts; `details["checks"]` holds all of them."""

    exit_code = 11


class DnsError(RecoveryError):
    """A DNS server could not be reached, refused, or does not answer what it should."""

    exit_code = 13


class CheckFailed(RecoveryError):
    """The application does not answer as its checks expect; the result's `checks` say what came instead."""

    exit_code = 15


def rebuilt(record: Mapping[str, t.Any]) -> RecoveryError:
    """Return the error that a record is of, by the nearest of its kinds that this file knows."""
    kind = next(globals()[name] for name in record["kinds"] if name in globals())
    error: RecoveryError = kind.__new__(kind)
    # Not the kind's own, which may be given other things than it makes the sentences of.
    RecoveryError.__init__(error, record["cause"], record["remedy"], **record["details"])
    return error.naming(*record["names"])
