# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Databases to try a backup with: PostgreSQL's own regression tests, and one for each extension that is installed.

The tests run as PostgreSQL's `make installcheck` does, one file after another by psql; what they print is not looked
at, because the databases that they leave are all that is wanted.
"""

from __future__ import annotations

import re
import subprocess
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from postgres_fixtures import Cluster

TEST_SECONDS = 300
"""Longer than any test of PostgreSQL's takes; what waits for ever is ended."""


def regression(server: Cluster, source: Path) -> str:
    """Run PostgreSQL's regression tests of the source tree, and give the database's name."""
    place = source / "src/test/regress"
    headers = subprocess.run(["pg_config", "--includedir-server"], capture_output=True, text=True, check=True).stdout
    subprocess.run(
        ["gcc", "-O1", "-fPIC", "-shared", f"-I{headers.strip()}", "-o", "regress.so", "regress.c"],
        cwd=place,
        check=True,
    )
    schedule = (place / "parallel_schedule").read_text(encoding="ascii")
    tests = [name for line in re.findall(r"^test: (.*)$", schedule, re.MULTILINE) for name in line.split()]
    return _run(server, "regression", place, tests)


def modules(server: Cluster, source: Path) -> Iterator[str]:
    """Run the tests of each contrib module and language, each in a database of its own, and give the names."""
    for makefile in sorted([*source.glob("contrib/*/Makefile"), *source.glob("src/pl/*/Makefile")]):
        found = re.search(r"^REGRESS\s*=\s*((?:.*\\\n)*.*)$", makefile.read_text(), re.MULTILINE)
        place = makefile.parent
        tests = [name for name in (found[1].replace("\\\n", " ").split() if found else []) if name[0] != "$"]
        tests = [name for name in tests if (place / f"sql/{name}.sql").exists()]
        if tests:
            yield _run(server, f"{place.parent.name}_{place.name}", place, tests)


def extensions(server: Cluster, only: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Make a database for each extension, with a table that uses its types. Yield name, and why it cannot be made."""
    query = "SELECT name::text FROM pg_available_extensions WHERE name !~ 'lifeboat' ORDER BY 1"
    names = [name for (name,) in server.execute(query)]
    for extension in (name for name in names if name in (only or names)):
        name = server.create(f"extension_{extension}")
        script = f'CREATE EXTENSION IF NOT EXISTS "{extension}" CASCADE;\n{_USES}'
        said = _psql(server, name, Path("/"), script, "-v", "ON_ERROR_STOP=1")
        if said:
            server.drop(name)
        yield name, said


def _run(server: Cluster, database: str, place: Path, tests: Sequence[str]) -> str:
    server.create(database)
    for setting in ("lc_messages = 'C'", "timezone_abbreviations = 'Default'", "bytea_output = 'hex'"):
        server.execute(f'ALTER DATABASE "{database}" SET {setting}')
    (place / "results").mkdir(exist_ok=True)
    for path in (place, *place.rglob("*")):
        path.chmod(0o777)  # the server's user reads data and writes results there
    for test in tests:
        file = place / f"sql/{test}.sql"
        if file.exists():
            _psql(server, database, place, file.read_text(encoding="utf-8", errors="surrogateescape"))
    return database


def _psql(server: Cluster, database: str, place: Path, script: str, *options: str) -> str:
    """Run a script, and give its first error."""
    environment = {
        **server.environ,
        "PGHOST": server.directory,
        "PGPORT": str(server.port),
        "PGUSER": "postgres",
        "PGDATABASE": database,
        "PGTZ": "PST8PDT",
        "PGDATESTYLE": "Postgres, MDY",
        "PGOPTIONS": "-c intervalstyle=postgres_verbose",
        "PG_ABS_SRCDIR": str(place),
        "PG_ABS_BUILDDIR": str(place),
        "PG_LIBDIR": str(place),
        "PG_DLSUFFIX": ".so",
    }
    try:
        done = subprocess.run(
            [f"{server.bin}/psql", "-X", "-q", *options, "-v", "HIDE_TABLEAM=on"],
            cwd=place,
            env=environment,
            input=script.encode("utf-8", "surrogateescape"),
            capture_output=True,
            timeout=TEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {TEST_SECONDS} s"
    lines = done.stderr.decode(errors="replace").splitlines()
    return next((line for line in lines if "ERROR:" in line or "FATAL:" in line), "")


_USES = """
SELECT format('CREATE TABLE public.uses (id integer PRIMARY KEY %s)',
              string_agg(format(', %I %s', 'c' || y.oid, y.oid::regtype), ''))
  FROM pg_type y JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = y.oid AND d.deptype = 'e'
 WHERE y.typtype IN ('b', 'd', 'e', 'r') AND y.typcategory <> 'A' \\gexec
INSERT INTO public.uses (id) VALUES (1);
"""
