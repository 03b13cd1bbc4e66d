# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
How much of its component a backup holds, and what that counts for.

A manifest is refused that says another word, and one with parents that is not incremental, or the other way round.
"""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

ScopeName = t.Literal["full", "incremental", "partial"]


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """
    What a word means.

    A `whole` one restores all of the component, with its parents where it has some: it may be `latest` and `previous`,
    keeps the component fresh and fills a slot of retention; another stays for `keep_partial`. The size of a
    `comparable` one tells something beside another's: to the guard against shrinking, and to the search for anomalies.
    """

    whole: bool = False
    comparable: bool = False


SCOPES: Mapping[str, Scope] = {
    "full": Scope(whole=True, comparable=True),
    "incremental": Scope(whole=True),
    "partial": Scope(),
}
