# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs from the object store of one cloud to another's, in values: the adapter is the same for all of them."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .failures import Judgement


@dataclasses.dataclass(frozen=True, slots=True)
class Dialect:
    """
    Where a store's objects are, and how its cloud is asked for them.

    - `container` is a bucket, or whatever the cloud calls one. The store is what of it has keys that begin with `root`;
      `url` names it in messages, `endpoint` is where requests go, unencrypted only when it says http.
    - `client` is the name of obstore's class for this cloud. Create-only writes, reads of what an entity tag names, and
      checksums are what that class makes of our requests and of `config`. It asks for `credentials` before each
      request; where they are None, the machine has a role.
    - `token` is a metadata key that the cloud takes, under which an object carries who wrote it.
    - No part of an upload but the last is smaller than `smallest_part` bytes, and none has more than `most_parts`.
    - `codes` are the cloud's error codes, `marks` what else tells something in the texts of that class; `no_container`
      is the code that tells a missing container from a missing object.
    - `right_to_list` is what the cloud calls the permission to list.
    """

    url: str
    container: str
    root: str
    endpoint: str
    client: str
    config: Mapping[str, t.Any]
    ca_cert: bytes | None
    credentials: Callable[[], t.Any] | None
    token: str
    smallest_part: int
    most_parts: int
    codes: Mapping[str, Judgement]
    marks: Mapping[str, Judgement]
    no_container: str
    right_to_list: str
