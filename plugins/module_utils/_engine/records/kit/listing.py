# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The list of a recovery kit, `kit.json`: a record that the root signs, with the SHA-256 of every file and a serial.

The files are code that runs beside the recovery key, so no other key counts. A serial tells an old kit, which is as
well signed as the newest.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ...drivers.crypto import seals, strict_json
from ...drivers.crypto.trust import parse_time, time_text
from ...ground.errors import NotFound, Tampered
from ..repository import names as repository

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping

    from ...drivers.crypto.keys import Signer
    from ...drivers.stores.base import Store

KIND = "kit"
FORMAT = "lifeboat-kit/1"
LIST = "kit.json"

FILE_LIMIT = 1 << 30
"""The largest file, in bytes, that `start.py` fetches."""

_NAME = re.compile(r"(wheels/)?[A-Za-z0-9][A-Za-z0-9._+-]{0,200}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WHAT = "The list of the recovery kit"
_FIELDS = {"format": str, "application": str, "serial": int, "created": str, "version": str, "files": list}


class Listed(t.NamedTuple):
    """What the root signed about a file: its size in bytes, and its SHA-256 in hex."""

    size: int
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class Kit:
    """A kit: of which application, the how many-th and from when, of which version of the collection; its files."""

    application: str
    serial: int
    created: datetime.datetime
    version: str
    files: Mapping[str, Listed]

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(each.size for each in self.files.values())


def sign(kit: Kit, root: Signer) -> bytes:
    """Return the record of a kit."""
    files = [{"name": name, "size": each.size, "sha256": each.sha256} for name, each in sorted(kit.files.items())]
    fields = {"format": FORMAT, "application": kit.application, "serial": kit.serial}
    fields |= {"created": time_text(kit.created), "version": kit.version, "files": files}
    return seals.seal_record(KIND, strict_json.dumps(fields), [root])


def fetch(store: Store, application: str, roots: Collection[bytes]) -> Kit | None:
    """Return the kit in a store, None if there is none. Raise Tampered for one that no root signed."""
    name = repository.kit(application, LIST)
    try:
        envelope = b"".join(store.get(name, 0, seals.envelope_limit(KIND) + 1))
    except NotFound:
        return None
    try:
        return _parse(seals.open_record(KIND, envelope, roots).payload, application)
    except Tampered as exc:
        told = f"{name} cannot be believed: {exc.cause}"
        raise Tampered(told, "Find out who wrote it, then delete it and write the kit again.", name=name) from exc


def _parse(payload: bytes, application: str) -> Kit:
    fields = strict_json.take(strict_json.loads(payload, limit=seals.LIMITS[KIND]), _FIELDS, what=_WHAT)
    if fields["format"] != FORMAT or fields["application"] != application or fields["serial"] < 1:
        raise Tampered(f"{_WHAT} is that of another application, or of a format that this version does not know.")
    files: dict[str, Listed] = {}
    for item in fields["files"]:
        each = strict_json.take(item, {"name": str, "size": int, "sha256": str}, what=_WHAT)
        usable = _NAME.fullmatch(each["name"]) and ".." not in each["name"] and each["name"] not in files
        if not usable or not 0 <= each["size"] <= FILE_LIMIT or not _DIGEST.fullmatch(each["sha256"]):
            raise Tampered(f"{_WHAT} has a file that no kit has.")
        files[each["name"]] = Listed(each["size"], each["sha256"])
    return Kit(application, fields["serial"], parse_time(fields["created"]), fields["version"], files)
