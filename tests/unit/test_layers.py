# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the house: imports run downwards, the engine knows no Ansible, each library has one home."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
UTILS = ROOT / "plugins" / "module_utils"
ENGINE = UTILS / "_engine"
PACKAGE = "ansible_collections.lifeboat.recovery.plugins.module_utils._engine"

# The folder is the floor: imports run downwards, and the command line stands above all.
FLOORS = ("ground", "drivers", "records", "operations", "cli")

HOMES = {
    "apprise": "drivers/channels/services.py",
    "cryptography": "drivers/crypto/",
    "backports": "ground/codec.py",
    "compression": "ground/codec.py",
    "obstore": "drivers/stores/object_store.py",
    "psycopg": "drivers/components/postgres/connection.py",
    "boto3": "ground/aws.py",
    "botocore": "ground/aws.py",
    "dns": "drivers/dns/messages.py",
    "jmespath": "operations/list/listing.py",
}
_SHARED = ("operations/backup", "operations/restore", "operations/validate")
# What is said of the inside of a database, and of databases at all, and where neither may be said.
SPOKEN = {
    re.compile(r"(?<![a-z])(tables?|schemas?|dump(ed)?|sql|login_db|DatabaseError)(?![a-z])", re.IGNORECASE): (
        *_SHARED,
        *("operations/verify", "records/audit/auditing.py", "records/host", "records/repository", "records/retention"),
    ),
    re.compile(r"(?<![a-z])databases?(?![a-z])|.statistics.\)", re.IGNORECASE): _SHARED,
}
# A file in which a function or two more would still be read at once; beyond it, a file has two jobs.
LONGEST_FILE = 320


class Import(t.NamedTuple):
    """One import: the module named, and whether only type checkers see it."""

    module: str
    inside: bool


@functools.cache
def _files() -> Sequence[Path]:
    return tuple(sorted(ENGINE.rglob("*.py")))


@functools.cache
def _name(path: Path) -> str:
    return ".".join(path.relative_to(ENGINE).with_suffix("").parts)


@functools.cache
def _imports(path: Path) -> Sequence[Import]:
    """Return the imports of an engine file, those inside functions too; inside ones by their name within the engine."""
    return tuple(_found_imports(path))


def _found_imports(path: Path) -> Iterator[Import]:
    names = {_name(file) for file in _files()}
    package = _name(path).split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, inside=False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield Import(node.module or "", inside=False)
        elif isinstance(node, ast.ImportFrom):
            kept = len(package) - node.level + 1
            assert kept >= 0, f"{path.name}: an import reaches out of the engine"
            base = [*package[:kept], *(node.module or "").split(".")]
            for alias in node.names:
                module = ".".join(part for part in base if part)
                whole = f"{module}.{alias.name}".strip(".")
                yield Import(whole if whole in names else module, inside=True)


def _floor(name: str) -> int:
    """Return the floor on which a file stands."""
    return FLOORS.index(name.split(".", maxsplit=1)[0])


@pytest.mark.parametrize("path", _files(), ids=_name)
def test_imports_run_downwards(path: Path) -> None:
    own = _name(path)
    for target in (found.module for found in _imports(path) if found.inside):
        assert _floor(target) <= _floor(own), f"{own} imports {target}, which stands above it"


def test_drivers_do_not_know_each_other() -> None:
    for path in _files():
        own = _name(path).split(".")[:2]
        for target in (found.module for found in _imports(path) if found.inside):
            other = target.split(".")[:2]
            assert own[0] != "drivers" or other[0] != "drivers" or own == other, f"{_name(path)} imports {target}"


def test_components_know_the_protocol_and_not_each_other() -> None:
    for path in (ENGINE / "drivers" / "components").glob("*/*.py"):
        for target in (found.module for found in _imports(path) if found.inside):
            apart = target.startswith("drivers.components.") and target.count(".") > 2
            assert not apart or target.startswith(_name(path).rpartition(".")[0]), f"{_name(path)} imports {target}"


def test_no_import_runs_in_a_circle() -> None:
    graph = {_name(path): {found.module for found in _imports(path) if found.inside} for path in _files()}
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("folder", ["backup", "restore", "validate", "verify"])
def test_what_can_be_backed_up_is_known_by_its_protocol_alone(folder: str) -> None:
    """Else the next component would need a backup, a restore and a proof of its own."""
    for path in (ENGINE / "operations" / folder).glob("*.py"):
        for target in (found.module for found in _imports(path) if found.inside):
            apart = target.startswith("drivers.components.") and target.count(".") > 2
            assert not apart, f"{_name(path)} imports {target}"


@pytest.mark.parametrize("words", SPOKEN, ids=lambda words: words.pattern)
def test_what_a_component_is_made_of_is_not_spoken_of_above_it(words: re.Pattern[str]) -> None:
    """What all components share, code and prose, has words for none of them; who knows an option names it."""
    for folder in SPOKEN[words]:
        for path in (ENGINE / folder).rglob("*.py") if "." not in folder else [ENGINE / folder]:
            found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if words.search(line)]
            assert not found, f"{_name(path)} says: {found}"


@pytest.mark.parametrize("path", _files(), ids=_name)
def test_the_engine_knows_no_ansible(path: Path) -> None:
    for found in _imports(path):
        assert not found.module.startswith("ansible"), f"{_name(path)} imports {found.module}"


@pytest.mark.parametrize("path", _files(), ids=_name)
def test_a_library_lives_in_one_home(path: Path) -> None:
    place = path.relative_to(ENGINE).as_posix()
    for library in {found.module.split(".")[0] for found in _imports(path) if not found.inside}:
        home = HOMES.get(library, "")
        known = library in sys.stdlib_module_names or library == "__future__" or home
        assert known, f"{place} imports {library}, which has no home yet"
        assert place.startswith(home), f"{place} imports {library}, whose home is {home}"


def test_every_home_is_there() -> None:
    assert not [home for home in HOMES.values() if not (ENGINE / home).exists()]


@pytest.mark.parametrize("path", _files(), ids=_name)
def test_an_engine_file_has_one_job(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{_name(path)} has {lines} lines"


def test_the_engine_loads_without_ansible_and_without_its_libraries() -> None:
    """Every file imports where nothing but Python is installed: a missing library is an error of its first use."""
    program = (
        "import importlib, sys\n"
        f"blocked = {sorted({'ansible', *HOMES} - set(sys.stdlib_module_names))!r}\n"
        "sys.modules.update(dict.fromkeys(blocked))\n"
        f"for name in {[_name(path) for path in _files()]!r}:\n"
        f"    importlib.import_module({PACKAGE!r} + '.' + name)\n"
    )
    folder = ROOT / ".cache" / "collections"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_one_file_knows_both_sides() -> None:
    for path in sorted(UTILS.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        knows_ansible = "from ansible." in text or "import ansible" in text
        assert not (knows_ansible and "_engine" in text) or path.name == "_module.py", path.name
