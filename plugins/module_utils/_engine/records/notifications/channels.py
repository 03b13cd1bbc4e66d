# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The channels as people declare them, and what each is sent."""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.channels.address import read_address

if t.TYPE_CHECKING:
    from ...drivers.channels.address import Address

FORMATS = ("auto", "text", "markdown", "json", "json_short")
"""`auto` is a JSON body for a web address that Apprise does not know as a service's, and text for everything else."""


@dataclasses.dataclass(frozen=True, slots=True)
class Channel:
    """
    A receiver, and what it wants to hear.

    `url` or the first line of `url_file` is a web address or an Apprise URL. A body for a web address is signed with
    the key in `hmac_key_file`, and authorised with the token in `bearer_token_file`.
    """

    name: str
    url: str | None = dataclasses.field(default=None, repr=False)
    url_file: str | None = None
    events: tuple[str, ...] = ("all",)
    minimum_severity: str = "info"
    format: str = "auto"
    tables: bool = False
    ca_cert: str | None = None
    hmac_key_file: str | None = None
    bearer_token_file: str | None = None

    def address(self) -> Address:
        """Raise UsageError when there is none."""
        return read_address(self.url, self.url_file, f"channel {self.name}")
