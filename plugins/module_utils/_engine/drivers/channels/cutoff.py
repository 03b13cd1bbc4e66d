# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sending that has to end in time, and says what stood in its way."""

from __future__ import annotations

import functools
import typing as t

from ...ground import cutoff
from ...ground.errors import RecoveryError
from ...ground.units import human_duration
from .address import Undelivered

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def within(seconds: float, work: Callable[[], None], environ: Mapping[str, str]) -> None:
    """Do `work`. Raise Undelivered when it raises that, when it fails otherwise, or when its time is up."""
    try:
        told = cutoff.within(seconds, functools.partial(_told, work), environ)
    except TimeoutError as exc:
        raise Undelivered(
            f"The receiver did not answer within {human_duration(seconds)}.",
            "Check that it is up and reachable from this host.",
        ) from exc
    except OSError as exc:
        raise Undelivered(f"The process that sends could not be started: {exc.strerror}.") from exc
    except EOFError as exc:
        raise Undelivered("The process that sends ended without a result.") from exc
    if told is not None:
        cause, remedy, final = told
        raise Undelivered(cause, remedy, final=final)


def _told(work: Callable[[], None]) -> tuple[str, str, bool] | None:
    """Return why `work` failed, as Undelivered takes it; None when it did not."""
    try:
        work()
    except Undelivered as exc:
        return exc.cause, exc.remedy, exc.final
    except RecoveryError as exc:
        return exc.cause, exc.remedy, True
    except Exception as exc:  # noqa: BLE001 - whatever a library raises, a message that was not sent is all it means
        return f"Sending failed: {type(exc).__name__}.", "", False
    return None
