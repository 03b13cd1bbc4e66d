# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Many objects of a bucket removed by one request: deleting years of backups one object at a time takes an hour.

Only what is simple goes this way: an object of one version, or of a bucket that keeps none. The rest, and what the
store refused, goes one by one, where the order of versions and the reason of a refusal are looked after.
"""

from __future__ import annotations

import itertools
import operator
import os.path
import typing as t

from ...errors import StoreError
from .. import base
from . import versions

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .control import Control

MOST = 1000
"""Objects that S3 takes in one request."""

REFUSALS = range(400, 502)
"""HTTP statuses of a store that answered, and that does not do this: 501 is said by one that never learnt it."""

Outcomes = dict[str, "base.Purged | StoreError"]
_Object = dict[str, str]


def purge(control: Control, names: Sequence[str], one: Callable[[str], base.Purged], *, versioned: bool) -> Outcomes:
    """
    Remove objects for good and give what became of each; `one` removes a single one, whatever lies below it.

    Source: the operations DeleteObjects and ListObjectVersions of Amazon S3's API reference.
    """
    done: Outcomes = {}
    try:
        simple = _of_one_version(control, names) if versioned else [{"Key": control.prefix + name} for name in names]
    except StoreError as exc:
        if not _answered(exc):
            return dict.fromkeys(names, exc)
        simple = []
    for start in range(0, len(simple), MOST):
        done |= _together(control, simple[start : start + MOST])
    return done | base.one_by_one(one, (name for name in names if name not in done))


def _together(control: Control, objects: Sequence[_Object]) -> Outcomes:
    """Remove these by one request, and give what is settled by it: what the store refused is not among it."""
    names = {item["Key"]: item["Key"].removeprefix(control.prefix) for item in objects}
    try:
        answer = control.ask(
            "delete_objects",
            f"Removing {len(objects)} objects",
            right="s3:DeleteObject and s3:DeleteObjectVersion",
            Delete={"Objects": list(objects), "Quiet": False},
        )
    except StoreError as exc:
        return {} if _answered(exc) else dict.fromkeys(names.values(), exc)
    gone = {found.get("Key") for found in (answer or {}).get("Deleted", ())}
    return {name: "deleted" for key, name in names.items() if key in gone}


def _answered(error: StoreError) -> bool:
    """Whether it is worth asking for each: a store that does not answer would be waited for once for every object."""
    return error.details.get("status") in REFUSALS


def _of_one_version(control: Control, names: Iterable[str]) -> list[_Object]:
    """Return those that have one version and no delete marker. What lies in one folder is looked at together."""
    found: list[_Object] = []
    for _folder, group in itertools.groupby(sorted(names), lambda name: name.rpartition("/")[0]):
        together = list(group)
        wanted, last = set(together), together[-1]
        listed = versions.listed(control, os.path.commonprefix(together))  # noqa: RUF071
        near = itertools.takewhile(lambda version, last=last: version.name <= last, listed)  # type: ignore[misc]
        for name, every in itertools.groupby(near, operator.attrgetter("name")):
            first, *others = every
            if name in wanted and not others and not first.marker:
                found.append({"Key": control.prefix + name, "VersionId": first.version_id})
    return found
