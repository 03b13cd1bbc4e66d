# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Sealed archives of files and directories: seal, open, verify, list, and let a further recipient open one.

Sealing again changes nothing when three things hold: the archive at the destination is signed by somebody trusted,
is encrypted to today's recipients, and holds what the source holds: names, kinds, contents, owners, modes, times of
files. The last is known from this host's own record of that very archive (a private file of hashes), first by the
inodes of the source, else by reading it; or, where a key that opens is at hand, by reading the archive. A sealed host
that has neither can't know, and seals again.

Opening again changes nothing when the destination holds what the archive would make there, times aside.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import typing as t

from . import custody, disk
from .archive_file import SCOPE, ArchiveFile
from .crypto import wraps
from .crypto.keys import HPKE_X25519, Recipient
from .errors import NotFound, StoreError, UsageError
from .files import names, tar
from .files.memory import Memory
from .files.safety import Guard, Limits
from .model import Outcome
from .stores import opening

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .model import World
    from .stores.base import ObjectInfo

LISTED = 10_000
"""Members that a listing names; it counts the rest."""
