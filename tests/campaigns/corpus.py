# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Whatever PostgreSQL's own tools restore, ours back up, validate and restore: corpus.py [--only PART ...]

PostgreSQL's regression database and those of its modules' tests, from Debian's source package; one database for each
extension that Debian packages; the odd ones of tests/data/corpus. Each goes through pg_dump and pg_restore alone, and
through backup, validation and restore, and what pg_dump writes of both copies is compared. Packages and servers live in
a layer over this machine (layer.sh), or with --newest in a container of Debian's testing (tests/matrix.sh) with its
PostgreSQL, and are gone afterwards. Needs root, Debian's archive, and some ten gigabytes of memory, or of disk for the
container. Ends with 1 when ours lose anything, or refuse what PostgreSQL's tools bring back.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import signal
import subprocess
import sys
import time
import traceback
import typing as t
from pathlib import Path

# This directory goes: a file of the same name as the package `corpus` lies in it.
HERE = Path(sys.path.pop(0)).resolve()
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
importlib.import_module("conftest")  # makes the collection importable
from corpus import databases, oracle
from postgres_fixtures import Cluster, bin_directory, start_cluster, stop_cluster

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ODD = Path(__file__).resolve().parents[1] / "data" / "corpus"
PARTS = ("odd", "regression", "modules", "extensions", "preloaded")
INSIDE = "LIFEBOAT_CORPUS_INSIDE"

LEFT_OUT = re.compile(r"-(doc|scripts|rdkit|plr|omnidb)$")
"""Packages of documentation, and those that bring a desktop or a statistics system along."""

PRELOADED = ("pg_stat_statements", "pg_cron", "pgaudit", "pg_stat_kcache")
"""
Libraries of extensions that cannot be made in a server which was started without them.

Not pg_wait_sampling and pglogical: in a server that has them, DROP DATABASE waits for ever for their processes.
"""


class Tally:
    """What became of all databases."""

    def __init__(self) -> None:
        self._verdicts: list[oracle.Verdict] = []
        self._unmade: list[str] = []

    def take(self, server: Cluster, database: str) -> None:
        """Judge a database, tell what there is to tell, and drop it."""
        began = time.monotonic()
        try:
            verdict = oracle.judge(server, database)
        except Exception:  # noqa: BLE001 - the others are to be judged too
            verdict = oracle.Verdict(database, ours=[f"the judge failed: {traceback.format_exc()}"])
        server.drop(database)
        self._verdicts.append(verdict)
        state = "WRONG" if verdict.wrong else "refused by PostgreSQL" if verdict.theirs else "the same"
        say(f"{database}: {state}, {verdict.objects} objects, {time.monotonic() - began:.0f} s")
        for line in (verdict.theirs, *verdict.wrong[:20], *(f"note: {note}" for note in verdict.notes)):
            if line:
                print(f"    {line[:500]}", flush=True)

    def not_restored(self, database: str, why: str) -> None:
        """Take down what cannot be tried."""
        self._unmade.append(database)
        say(f"{database}: could not be created: {why}")

    def told(self) -> int:
        """Print the counts, and give the exit status."""
        wrong = [verdict for verdict in self._verdicts if verdict.wrong]
        print(
            f"\n{len(self._verdicts)} databases with {sum(verdict.objects for verdict in self._verdicts):,} objects; "
            f"{len(self._unmade)} could not be created\n"
            f"{sum(1 for verdict in self._verdicts if verdict.theirs)} refused by PostgreSQL's own tools\n"
            f"{sum(1 for verdict in wrong if verdict.ours)} refused by ours alone\n"
            f"{sum(len(verdict.differences) for verdict in wrong)} differences to PostgreSQL's own tools\n"
            f"{sum(len(verdict.notes) for verdict in self._verdicts)} notes"
        )
        for verdict in wrong:
            print(f"WRONG: {verdict.database}: {verdict.wrong[0][:300]}")
        return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Back up odd databases, and compare with PostgreSQL's own tools.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--newest", action="store_true", help="with the PostgreSQL of Debian's testing")
    options = parser.parse_args()
    # Killing the first process of a layer or container ends all of it; a signal's default would end this one alone.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    if INSIDE not in os.environ:
        return elsewhere(options.only, newest=options.newest)
    tally = Tally()
    source = install(options.only, tally)
    for parts, settings in ((PARTS[:4], {}), (PARTS[4:], preloading())):
        if chosen := [part for part in parts if part in options.only]:
            server = start_cluster(settings={"max_locks_per_transaction": "256", **settings})
            try:
                for part in chosen:
                    run(part, server, source, tally)
            finally:
                stop_cluster(server)
    return tally.told()


def elsewhere(parts: list[str], *, newest: bool) -> int:
    """Run this program where it may install packages, and give its exit status."""
    inside = ["env", f"{INSIDE}=yes"]
    only = ["--only", *parts]
    if newest:
        matrix = str(HERE.parent / "matrix.sh")
        os.execv(matrix, [matrix, "--newest", "--program", *inside, "python", "tests/campaigns/corpus.py", *only])
    again = [sys.executable, str(HERE / "corpus.py"), *only]
    return subprocess.run([str(HERE / "layer.sh"), *inside, *again], check=False).returncode


def run(part: str, server: Cluster, source: Path, tally: Tally) -> None:
    """Make the databases of a part, and judge each before the next is made."""
    if part == "odd":
        for file in sorted(ODD.glob("*.sql")):
            server.script(file, server.create(f"odd_{file.stem}"))
            tally.take(server, f"odd_{file.stem}")
    elif part == "regression":
        tally.take(server, databases.regression(server, source))
    elif part == "modules":
        for name in databases.modules(server, source):
            tally.take(server, name)
    else:
        for name, why in databases.extensions(server, PRELOADED if part == "preloaded" else ()):
            if why:
                tally.not_restored(name, why)
            else:
                tally.take(server, name)


def preloading() -> dict[str, str]:
    """Return the settings of a server that has been started with what must be there from the start."""
    there = [name for name in PRELOADED if (Path(bin_directory()).parent / "lib" / f"{name}.so").exists()]
    return {
        "shared_preload_libraries": f"'{','.join(there)}'",
        "cron.database_name": "'extension_pg_cron'",
        "track_commit_timestamp": "on",
    }


def install(parts: list[str], tally: Tally) -> Path:
    """Install what the parts need, tell what cannot be installed, and give the tree of PostgreSQL's source."""
    major = Path(bin_directory()).parent.name
    apt("update")
    wanted = [f"postgresql-{major}"]
    if {"regression", "modules"} & set(parts):
        wanted += [f"postgresql-{language}-{major}" for language in ("plperl", "plpython3", "pltcl")]
        wanted += [f"postgresql-server-dev-{major}", "gcc", "libc6-dev", "dpkg-dev"]
    apt("install", "--no-install-recommends", *wanted)
    if {"extensions", "preloaded"} & set(parts):
        for package, why in refused(name for name in packages(f"^postgresql-{major}-") if not LEFT_OUT.search(name)):
            tally.not_restored(package, why)
    return fetch_source(major) if {"regression", "modules"} & set(parts) else Path("/")


def refused(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """
    Install packages of extensions, and give those that do not fit with the others, with what apt says of it.

    The first whose absence lets all others in stays out; where no single one stands in the way, they come one by one.
    """
    wanted, why = sorted(names), ""
    for left_out in ("", *wanted):
        try:
            apt("install", "--no-install-recommends", *(name for name in wanted if name != left_out))
        except RuntimeError as exc:
            why = why or " ".join(str(exc).split())
            continue
        if left_out:
            yield left_out, why
        return
    for name in wanted:
        try:
            apt("install", "--no-install-recommends", "--no-remove", name)
        except RuntimeError as exc:
            yield name, " ".join(str(exc).split())


def packages(pattern: str) -> list[str]:
    """Return the packages whose name matches."""
    found = subprocess.run(
        ["apt-cache", "search", "--names-only", pattern], capture_output=True, text=True, check=True
    ).stdout
    return [line.split()[0] for line in found.splitlines()]


def fetch_source(major: str) -> Path:
    """Fetch and unpack the source package. A mirror may lack the newest one, and then has the one before."""
    place = Path("/root/corpus")
    place.mkdir(parents=True)
    sources = Path("/etc/apt/sources.list.d")
    for number, file in enumerate(sorted(sources.glob("*.sources"))):
        text = re.sub(r"^Types:.*$", "Types: deb-src", file.read_text(), flags=re.MULTILINE)
        (sources / f"corpus{number}.sources").write_text(text)
    old = [*Path("/etc/apt").glob("sources.list"), *sources.glob("*.list")]
    lines = [line for file in old for line in file.read_text().splitlines() if line.startswith("deb ")]
    (sources / "corpus.list").write_text("".join(f"deb-src {line[4:]}\n" for line in lines))
    apt("update")
    shown = subprocess.run(
        ["apt-cache", "showsrc", f"postgresql-{major}"], capture_output=True, text=True, check=True
    ).stdout
    for version in re.findall(r"^Version: (.*)$", shown, re.MULTILINE):
        argv = ["apt-get", "-q", "source", "--download-only", f"postgresql-{major}={version}"]
        if subprocess.run(argv, cwd=place, capture_output=True, check=False).returncode == 0:
            (archive,) = place.glob("*.orig.tar.*")
            subprocess.run(["tar", "--extract", f"--file={archive}"], cwd=place, check=True)
            return next(path for path in place.iterdir() if path.is_dir())
    raise RuntimeError(f"Debian's archive gives no source of PostgreSQL {major}")


def apt(*arguments: str) -> None:
    done = subprocess.run(
        ["apt-get", "-q", "-y", "-o", "Acquire::Retries=5", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"apt-get {arguments[0]} failed: {done.stderr[-2000:]}")


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
