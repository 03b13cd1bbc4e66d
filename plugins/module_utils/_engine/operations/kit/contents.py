# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes into a recovery kit: the collection, the inventory with the plans and the runbook, and Python packages."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import typing as t

from ...drivers.files.bundle import Plain, bundle
from ...ground import disk
from ...ground.errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COLLECTION = (
    *("COPYING", "MANIFEST.json", "README.md", "docs", "galaxy.yml"),
    *("meta", "playbooks", "plugins", "recovery-kit", "roles"),
)
"""What of the collection is packed, where it is there."""

PLAIN = ("README.txt", "lifeboat_decrypt.py", "start.py")
"""What lies in the kit by itself too, so that people can fetch it by its name."""

BESIDE = ("ansible.cfg", "group_vars", "host_vars", "recovery", "roles")
"""What of the directory of an inventory belongs to it."""

INVENTORY_LIMIT = 64 << 20

_LEFT_OUT = re.compile(r"__pycache__|\.git|.*\.(pyc|retry)|.*~|\..*\.swp")


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """
    What a kit is made of: the directory of the collection, the sources of the inventory, further paths, directories
    with Python packages, and the text of the runbook.
    """

    collection: str
    inventory: Sequence[str] = ()
    paths: Sequence[str] = ()
    wheels: Sequence[str] = ()
    runbook: str = ""


class Inventory(t.NamedTuple):
    """The inventory as a tar stream, and what was left out of it."""

    content: bytes
    warnings: tuple[str, ...]


def version(directory: str) -> str:
    """Return the version of the collection in a directory. Raise UsageError where there is none."""
    built, source = os.path.join(directory, "MANIFEST.json"), os.path.join(directory, "galaxy.yml")
    if os.path.isfile(built):
        return str(json.loads(_read(built))["collection_info"]["version"])
    found = re.search(r"^version: (\S+)$", _read(source).decode(), re.MULTILINE) if os.path.isfile(source) else None
    if not found:
        raise UsageError(f"{directory} is not this collection.", "Correct collection.", field="collection")
    return found[1]


def collection(directory: str) -> bytes:
    """Return the collection as a tar stream."""
    parts = (os.path.join(directory, part) for part in COLLECTION)
    return bundle(each for part in parts if os.path.exists(part) for each in _files(part, directory, []))


def plain(directory: str) -> dict[str, bytes]:
    """Return the files that people fetch by their names."""
    return {name: _read(os.path.join(directory, "recovery-kit", name)) for name in PLAIN}


def wheels(directories: Sequence[str]) -> dict[str, str]:
    """Return the paths of the Python packages by their names. Raise StoreError where the disk refuses."""
    found: dict[str, str] = {}
    for directory in directories:
        with disk.explained(directory):
            names = sorted(os.listdir(directory))
        found |= {f"wheels/{name}": os.path.join(directory, name) for name in names if name.endswith(".whl")}
    return found


def inventory(source: Source) -> Inventory:
    """
    Return inventory, plans and runbook. What lies below the directory of the first source keeps its place there.

    Raise StoreError for a path that cannot be read, UsageError where there is too much.
    """
    warnings: list[str] = []
    sources = [os.path.abspath(path) for path in source.inventory if os.path.exists(path)]
    base = os.path.dirname(sources[0]) if sources else os.sep
    folders = dict.fromkeys(os.path.dirname(path) for path in sources)
    beside = [os.path.join(folder, name) for folder in folders for name in BESIDE]
    wanted = [*sources, *filter(os.path.exists, beside), *map(os.path.abspath, source.paths)]
    files: dict[str, Plain] = {}
    elsewhere: dict[str, str] = {}
    for path in dict.fromkeys(wanted):
        within = path.startswith(base + os.sep) and base != os.sep
        below, top = ("inventory", base) if within else ("elsewhere", os.sep)
        for each in _files(path, top, warnings):
            name = f"{below}/{each.name}"
            files[name] = dataclasses.replace(each, name=name)
            if not within:
                elsewhere[name] = f"/{each.name}"
    if not sources:
        warnings.append("The kit has no inventory, as none of its sources is a file or a directory.")
    contents = {"inventory": [_named(path, base) for path in sources], "elsewhere": elsewhere}
    files["contents.json"] = Plain("contents.json", json.dumps(contents, sort_keys=True).encode())
    files["runbook.md"] = Plain("runbook.md", source.runbook.encode())
    size = sum(len(each.content) for each in files.values())
    if size > INVENTORY_LIMIT:
        raise UsageError(
            f"The inventory and what belongs to it has {size} bytes, and a kit takes {INVENTORY_LIMIT}.",
            "Move what does not belong there out of the directory, or correct paths (lifeboat_kit_paths).",
            field="paths",
        )
    return Inventory(bundle(files.values()), tuple(warnings))


def _named(path: str, base: str) -> str:
    within = path.startswith(base + os.sep)
    return f"inventory/{os.path.relpath(path, base)}" if within else f"elsewhere{path}"


def _files(path: str, top: str, warnings: list[str]) -> Iterator[Plain]:
    """Yield the file of a path, or all below it, named from `top`. Links to files are read, others are told."""
    with disk.explained(path):
        if not os.path.isdir(path):
            yield Plain(os.path.relpath(path, top), _read(path), bool(os.stat(path).st_mode & 0o100))
            return
        names = sorted(name for name in os.listdir(path) if not _LEFT_OUT.fullmatch(name))
    for name in names:
        each = os.path.join(path, name)
        if os.path.islink(each) and not os.path.isfile(each):
            warnings.append(f"{each} is a link to no file, and is not in the kit. Add what it means to paths.")
        elif os.path.isdir(each) or os.path.isfile(each):
            yield from _files(each, top, warnings)


def _read(path: str) -> bytes:
    return b"".join(disk.read_blocks(path))
