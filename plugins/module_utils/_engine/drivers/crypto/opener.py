# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Finding a file's data key: with the keys at hand, with what rotation left for them, with wraps added beside a backup.

Whatever a store adds needs no signature: only the data key that the signed head committed to is accepted.
"""

from __future__ import annotations

import typing as t

from ...ground.errors import KeyRefused
from . import handover, wraps
from .keys import HPKE_X25519

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .keys import OpeningKey
    from .lbx import Head

# Old keys hand over to later ones, one rotation after another; a store that claims more than this is lying.
MAX_HANDOVERS = 64


def no_side_wraps(_head: Head) -> Iterable[wraps.Wrap]:
    """Return none: for files that stand alone."""
    return ()


def no_handover(_kid: str) -> bytes | None:
    """Return none: for readers without a store."""
    return None


class KeyOpener:
    """
    Opens with secrets that this process holds.

    `side_wraps` gives wraps that were added for a head; `find_handover` gives the stored handover of an old key by
    its kid, or None. What a handover yields is kept, so that a thousand files ask the store once.
    """

    def __init__(
        self,
        opening_keys: Sequence[OpeningKey],
        side_wraps: Callable[[Head], Iterable[wraps.Wrap]] = no_side_wraps,
        find_handover: Callable[[str], bytes | None] = no_handover,
    ) -> None:
        self._keys = {key.recipient.kid: key for key in opening_keys}
        self._side_wraps = side_wraps
        self._find_handover = find_handover
        self._inherited: dict[str, OpeningKey | None] = {}

    def data_key(self, head: Head) -> bytes:
        """Return the data key of `head`. Raise KeyRefused when nothing here opens it."""
        found = self._try(head.wraps, head.commit)
        if found is None:
            found = self._by_handover(head)
        if found is None:
            found = self._try(self._side_wraps(head), head.commit)
        if found is None:
            raise KeyRefused(
                f"None of the available keys decrypts {head.name or 'this file'}.",
                "It is encrypted to " + ", ".join(item.kid for item in head.wraps) + "; the available keys are "
                f"{', '.join(self._keys) or 'none'}.",
                recipients=[item.kid for item in head.wraps],
            )
        return found

    def _try(self, candidates: Iterable[wraps.Wrap], commitment: bytes) -> bytes | None:
        """Return the data key, or None. Kids are hints: what they point at is tried first, everything else after it."""
        items = sorted(candidates, key=lambda item: item.kid not in self._keys)
        for item in items:
            for kid in sorted(self._keys, key=lambda kid: kid != item.kid):
                found = wraps.unwrap(item, self._keys[kid], commitment)
                if found is not None:
                    return found
        return None

    def _by_handover(self, head: Head) -> bytes | None:
        for item in head.wraps:
            if item.type != HPKE_X25519:
                continue
            key = self._inherit(item.kid, MAX_HANDOVERS)
            found = wraps.unwrap(item, key, head.commit) if key is not None else None
            if found is not None:
                return found
        return None

    def _inherit(self, kid: str, depth: int) -> OpeningKey | None:
        """Return the old key named `kid`, handed over to a key at hand, or to one that was itself handed over."""
        if kid in self._keys:
            return self._keys[kid]
        if kid in self._inherited or depth == 0:
            return self._inherited.get(kid)
        self._inherited[kid] = None  # also what ends a circle
        stored = self._find_handover(kid)
        if stored is not None:
            offer = handover.parse(stored, kid)
            old = handover.accept(offer, self._keys.values())
            if old is None:
                heirs = [self._inherit(item.kid, depth - 1) for item in offer.wraps]
                old = handover.accept(offer, [key for key in heirs if key is not None])
            self._inherited[kid] = old
        return self._inherited[kid]
