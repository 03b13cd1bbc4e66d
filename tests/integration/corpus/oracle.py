# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
One database twice through a dump and a restore, by PostgreSQL's own tools alone and by ours, and who loses what.

The judge is text that pg_dump writes about both copies: a program that knows nothing of our proof.
"""

from __future__ import annotations

import collections
import dataclasses
import re
import secrets
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

import asked
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    catalogue_objects,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import RecoveryError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore import restore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster

# pg_dump draws these words by chance, and a database's own name is not what was restored.
_CHANCE = re.compile(r"\\(un)?restrict |-- (Dumped|Started|Completed) |-- TOC entry ")
_COUNTED = re.compile(r"([0-9,]+) tables (?:with|and) ([0-9,]+) rows")


@dataclasses.dataclass
class Verdict:
    """
    What became of one database. `theirs` is why PostgreSQL's own tools cannot bring it back, and empty where they do;
    `ours` tells each step of ours that failed; `differences` are lines of the two copies' dumps that differ.
    """

    database: str
    objects: int = 0
    theirs: str = ""
    ours: list[str] = dataclasses.field(default_factory=list)
    differences: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    counts: list[tuple[str, ...]] = dataclasses.field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """What PostgreSQL's tools bring back and ours do not."""
        found = [*self.ours, *self.differences]
        if not found and (len(self.counts) != 3 or len(set(self.counts)) > 1):
            found.append(f"tables and rows backed up, validated and restored are not told alike: {self.counts}")
        return [] if self.theirs else found


def judge(server: Cluster, database: str, accepted: tuple[str, ...] = ()) -> Verdict:
    """Send `database` both ways, and compare. Both copies and the repository are gone afterwards."""
    verdict = Verdict(database)
    with server.connect(database) as session:
        verdict.objects = len(catalogue_objects.describe(session))
    plain, ours = (f"{word}_{secrets.token_hex(4)}" for word in ("plain", "ours"))
    home = Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp"))
    home.chmod(0o711)
    try:
        verdict.theirs = _plain(server, database, plain)
        place = fault_fixtures.make(server, database, home)
        _ours(place, ours, verdict, accepted)
        if not verdict.ours and not verdict.theirs:
            verdict.differences = list(_compared(_text(server, plain), _text(server, ours)))
    finally:
        shutil.rmtree(home, ignore_errors=True)
        for name in (plain, ours):
            server.drop(name)
    return verdict


def _plain(server: Cluster, database: str, copy: str) -> str:
    """Copy by pg_dump and pg_restore alone. Return the first thing that fails."""
    dumped = _program(server, "pg_dump", "-Fc", "-Z0", database=database)
    if dumped.returncode:
        return f"pg_dump: {_said(dumped)}"
    server.create(copy, _options(server, database))
    restored = _program(server, "pg_restore", "--dbname=", database=copy, stdin=dumped.stdout)
    return f"pg_restore: {_said(restored)}" if restored.returncode else ""


def _ours(place: fault_fixtures.Fixture, copy: str, verdict: Verdict, accepted: tuple[str, ...]) -> None:
    """Back up, validate and restore as a user does. What fails stands in the verdict."""
    step = "backup"
    try:
        made = restore.backups.back_up(place.request(accept_warnings=accepted, allow_empty=True), place.world())
        step = "validation"
        proved = validation.validate(
            asked.validation(
                place.settings, fault_fixtures.CLUSTER, place.database, scratch_dir=str(place.home / "scratch")
            ),
            place.world(),
        )
        verdict.notes = [*made.warnings, *(note for note in proved.warnings if "is not available here" not in note)]
        step = "restore"
        restored = restore.restore(
            asked.restore(
                place.settings, place.server.login, fault_fixtures.CLUSTER, place.database, "here", target_db=copy
            ),
            place.world(),
        )
        verdict.notes += restored.warnings
    except RecoveryError as exc:
        verdict.ours += [f"{step}: {exc.cause}", *map(str, exc.details.get("differences", ())[1:20])]
        verdict.ours += exc.details.get("validation", {}).get("differences", ())[1:20]
        return
    said = (outcome.facts["summary"] for outcome in (made, proved, restored))
    verdict.counts = [found.groups() for found in map(_COUNTED.search, said) if found]


def _options(server: Cluster, database: str) -> str:
    """Return the options that make an empty database of the same encoding and locale."""
    encoding, collate, ctype = server.execute(
        f"SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = '{database}'"
    )[0]
    return f"TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE '{collate}' LC_CTYPE '{ctype}'"


def _text(server: Cluster, database: str) -> str:
    # Rows under the name of the root: in which partition they lie may depend on numbers that each copy has of its own.
    dumped = _program(server, "pg_dump", "--load-via-partition-root", database=database)
    if dumped.returncode:
        raise AssertionError(f"pg_dump of the copy {database} failed: {_said(dumped)}")
    return dumped.stdout.decode("utf-8", "surrogateescape")


def _compared(theirs: str, ours: str) -> Iterator[str]:
    """
    Yield what stands in one text only, with the object in whose part it stands; places within the text may differ.
    """
    first, second = (collections.Counter(_lines(text)) for text in (theirs, ours))
    yield from (f"only by PostgreSQL's tools: {name}: {line}" for name, line in (first - second))
    yield from (f"only by ours: {name}: {line}" for name, line in (second - first))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    name = ""
    for line in text.split("\n"):
        if line.startswith(("-- Name: ", "-- Data for Name: ")):
            name = line[3:]
        elif line.startswith("COPY ") and line.endswith(" FROM stdin;"):
            name = line
        if line and not _CHANCE.match(line):
            yield name, line


def _program(
    server: Cluster, name: str, *arguments: str, database: str, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    environment = {
        **server.environ,
        "PGHOST": server.directory,
        "PGPORT": str(server.port),
        "PGUSER": "postgres",
        "PGDATABASE": database,
    }
    return subprocess.run(
        [f"{server.bin}/{name}", *arguments], env=environment, input=stdin, capture_output=True, check=False
    )


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if "error:" in line]
    return lines[0] if lines else f"ended with {done.returncode}"
