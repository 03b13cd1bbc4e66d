# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Where a notification goes: a URL that may hold tokens, so it is shown as its host at most and masked everywhere else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import typing as t
import urllib.parse

from ...ground import private_files, vaults
from ...ground.errors import RecoveryError, UsageError

if t.TYPE_CHECKING:
    from collections.abc import Iterable

LIMIT = 16 << 10
"""Bytes of a URL's or a secret's file that are read."""

MASK = "***"

SHORTEST_SECRET = 6
"""Letters of a part of a URL that is masked in text: shorter ones are words such as `api`, or guessed anyway."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.+-]*)://(.+)", re.DOTALL)
_WITH_A_HOST = frozenset({"http", "https", "mailto", "mailtos"})
"""Schemes in which the place of the host holds a host; others put a token there."""


class Undelivered(RecoveryError):
    """A message did not reach its receiver. `final` says that sending the same again would end the same."""

    def __init__(self, cause: str, remedy: str = "", *, final: bool = False) -> None:
        super().__init__(cause, remedy)
        self.final = final


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """A URL, kept out of every `repr`."""

    url: str = dataclasses.field(repr=False)

    @property
    def scheme(self) -> str:
        return self.url.partition("://")[0].lower()

    @property
    def web(self) -> bool:
        """Whether it is a web address."""
        return self.scheme in {"http", "https"}

    @property
    def shown(self) -> str:
        """What people may read of it: the scheme, and the host where that is no token."""
        host = _host(self.url) if self.scheme in _WITH_A_HOST else ""
        return f"{self.scheme}://{host}{'/' if host else ''}{MASK}"

    def mask(self, text: str) -> str:
        """Return `text` without any part of this URL that may be secret."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

    def _secrets(self) -> set[str]:
        found = {self.url}
        rest = self.url.partition("://")[2]
        login, at, place = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
        if at:
            found |= _forms(part for part in (login, login.partition(":")[2]) if part)
        path, _mark, query = rest.removeprefix(login + at).partition("?")
        # The names of a query's fields are no secrets, and messages speak of them.
        pieces = [*re.split(r"[/#]", path), *(field.partition("=")[2] or field for field in re.split(r"[&#]", query))]
        if self.scheme in _WITH_A_HOST:
            pieces = [piece for piece in pieces if piece != place]
        found |= {form for form in _forms(filter(None, pieces)) if len(form) >= SHORTEST_SECRET}
        return found


def read_address(url: str | None, url_file: str | None, where: str) -> Address:
    """Return the address that a channel names in one of two ways. Raise UsageError when it is none."""
    if bool(url) == bool(url_file):
        raise UsageError(f"The {where} needs either url or url_file.", "Set url_file or url.", field="url")
    text = url.strip() if url else read_secret(url_file or "", where)
    if not _SCHEME.fullmatch(text) or re.search(r"\s", text):
        raise UsageError(
            f"The URL of the {where} is malformed.",
            "Use https://host/path, mailtos://user:password@host?to=…, or a URL that Apprise documents.",
            field="url",
        )
    return Address(text)


def read_secret(path: str, where: str) -> str:
    """Return the first line of a file that only its owner can read. Raise UsageError when it is not so."""
    data = private_files.read(path, f"The file {path} of the {where}", LIMIT, field="url_file")
    text = ""
    with contextlib.suppress(UnicodeDecodeError):
        text = data.decode()
    vaults.refuse(text, path, "url_file")
    first = next(iter(text.splitlines()), "").strip()
    if not first:
        raise UsageError(f"The file {path} of the {where} is empty.", "Write one line into it.", field="url_file")
    return first


def _host(url: str) -> str:
    try:
        return urllib.parse.urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _forms(pieces: Iterable[str]) -> set[str]:
    """Return each piece as it stands and as it may appear elsewhere: with its percent signs resolved."""
    return {form for piece in pieces for form in (piece, urllib.parse.unquote(piece), urllib.parse.unquote_plus(piece))}
