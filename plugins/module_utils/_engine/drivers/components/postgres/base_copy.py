# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What PostgreSQL's own tools say of a data directory that was copied, and where the copy has its tablespaces.

The map of a copy names the places of its source: a server that starts with it would turn its links there, and two
servers would write into one directory. So it is rewritten before any start (PostgreSQL, "Making a Base Backup Using the
Low Level API").
"""

from __future__ import annotations

import os
import shutil
import typing as t

from ....ground import disk, process
from ....ground.errors import DatabaseError, ProcessFailed, Tampered

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .server import Programs

MANIFEST = "backup_manifest"
LINKS = "pg_tblspc"
MAP = "tablespace_map"

WAYS = ("--clone", "--copy-file-range", "--copy")
"""How pg_combinebackup takes over what it need not change, the cheapest first; the last one always works."""


def verify(programs: Programs, data: str, prefix: Sequence[str] = ()) -> None:
    """Let pg_verifybackup compare a copy with its manifest, but for the map. Raise Tampered where they differ."""
    argv = [*prefix, programs.path("pg_verifybackup"), "--no-parse-wal", "--quiet", f"--ignore={MAP}", data]
    try:
        process.run(argv, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    except ProcessFailed as exc:
        raise Tampered(
            f"The copy in {data} is not the one that its manifest describes: {exc.cause}",
            "Nothing was started or replaced. Recover from another backup.",
        ) from exc


def combine(
    programs: Programs, parts: Sequence[str], data: str, moved: Mapping[str, str], prefix: Sequence[str] = ()
) -> None:
    """
    Let pg_combinebackup make one copy in `data`, an empty directory, of parts, the oldest first and all of them whole.

    `moved` has the empty directory of each tablespace, by the one that the last part has for it. Blocks are shared with
    the parts where the file system can do that. Raise Tampered where the parts do not belong together, DatabaseError
    where they do and it fails.
    """
    maps = [f"--tablespace-mapping={_mapped(old)}={_mapped(new)}" for old, new in moved.items()]
    argv = [*prefix, programs.path("pg_combinebackup"), "--no-sync", *maps, f"--output={data}"]
    env = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    try:
        process.run([*argv, "--dry-run", *parts], env=env)
    except ProcessFailed as exc:
        raise Tampered(
            f"The parts of the copy in {data} do not belong together: {exc.cause}",
            "Nothing was started or replaced. Recover from another backup.",
        ) from exc
    for way in WAYS:
        try:
            process.run([*argv, way, *parts], env=env)
        except ProcessFailed as exc:
            if way == WAYS[-1]:
                raise DatabaseError(
                    f"The parts of the copy in {data} cannot be combined: {exc.cause}",
                    "Nothing was started or replaced. Mend the cause, and run this again.",
                ) from exc
            _empty(data, *moved.values())
        else:
            return


def _mapped(path: str) -> str:
    """Return a path as the option takes it: its one `=` is between the two."""
    return path.replace("=", "\\=")


def _empty(*directories: str) -> None:
    """Remove what is in directories, which stay."""
    for directory in directories:
        with disk.explained(directory):
            for entry in os.scandir(directory):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)


def link(data: str, places: Mapping[int, str]) -> None:
    """
    Let the links of a copy lead to these places, by the oid of each tablespace, and to no other. Raise Tampered where
    the directory for them is none: what is elsewhere is not the copy's to change.
    """
    folder = os.path.join(data, LINKS)
    if os.path.islink(folder):
        raise Tampered(f"{LINKS} of the copy leads elsewhere.", "Nothing was started or replaced.")
    with disk.explained(folder):
        for name in os.listdir(folder):
            if os.path.islink(os.path.join(folder, name)):
                os.unlink(os.path.join(folder, name))
        for oid, place in places.items():
            os.symlink(place, os.path.join(folder, str(oid)))


def write_map(data: str, places: Mapping[int, str]) -> None:
    """Write the map that the server makes its links by when it begins to recover; without tablespaces there is none."""
    path = os.path.join(data, MAP)
    if not places:
        with disk.explained(path):
            if os.path.lexists(path):
                os.unlink(path)
        return
    lines = [f"{oid} {_escaped(place)}\n" for oid, place in places.items()]
    disk.write_atomically(path, ["".join(lines).encode("utf-8", "surrogateescape")], shared=True)


def _escaped(place: str) -> str:
    """Return a path as PostgreSQL reads it from there."""
    return "".join(f"\\{letter}" if letter in "\\\n\r" else letter for letter in place)
