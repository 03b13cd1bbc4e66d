# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the house: imports run downwards, the engine knows no Ansible, each library has one home."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
UTILS = ROOT / "plugins" / "module_utils"
ENGINE = UTILS / "_engine"
PACKAGE = "ansible_collections.lifeboat.recovery.plugins.module_utils._engine"

# A package stands where its name is listed; a file of it that is listed by itself stands where that says.
GROUND = {
    "children",
    "disk",
    "errors",
    "holder",
    "journal",
    "host_state",
    "model",
    "printing",
    "monitoring.exposition",
    "process",
    "progress",
    "redaction",
    "schedule.job_options",
    "streams",
    "units",
    "vaults",
    "verbs",
    "workers",
}
DRIVERS = {"channels", "codec", "components", "crypto", "files", "postgres", "redis", "stores"}
RECORDS = {
    "anomalies",
    "audit",
    "catalogue",
    "host_settings",
    "keys.custody",
    "notifications",
    "repository",
    "restores.history",
    "retention.calendar",
    "retention.outlook",
    "retention.planner",
    "retention.policy",
    "retention.store_lock",
    "schedule.cron",
    "schedule.jobs",
    "status",
}
USE_CASES = {
    "archives",
    "audit.log_sync",
    "audit.reading",
    "audit.report",
    "backups",
    "catalogue.listing",
    "catalogue.marking",
    "databases",
    "doctor",
    "keys",
    "lending",
    "monitoring",
    "notifications.delivery",
    "notifications.notification",
    "proving",
    "restores",
    "retention",
    "schedule",
}
DOORS = {"cli", "schedule.run"}

HOMES = {
    "apprise": "channels/services.py",
    "cryptography": "crypto/",
    "backports": "codec.py",
    "compression": "codec.py",
    "obstore": "stores/object_store.py",
    "psycopg": "postgres/connection.py",
    "boto3": "stores/s3/control.py",
    "botocore": "stores/s3/control.py",
    "redis": "redis/connection.py",
    "jmespath": "catalogue/listing.py",
}
# A file in which a function or two more would still be read at once; beyond it, a file has two jobs.
LONGEST_FILE = 320


class Import(t.NamedTuple):
    """One import: the module named, and whether only type checkers see it."""

    module: str
    inside: bool


def _files() -> list[Path]:
    return sorted(ENGINE.rglob("*.py"))


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ENGINE).with_suffix("").parts)


def _imports(path: Path) -> Iterator[Import]:
    """Yield the imports of an engine file, those inside functions too; inside ones by their name within the engine."""
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


def _level(name: str) -> int:
    """Return the level of a file: that of its own entry, or of its package's."""
    layers = (GROUND, DRIVERS, RECORDS, USE_CASES, DOORS)
    for known in (name, name.split(".", maxsplit=1)[0]):
        for level, layer in enumerate(layers):
            if known in layer:
                return level
    raise AssertionError(f"{name} stands on no level: give it one here")


@pytest.mark.parametrize("path", _files(), ids=_name)
def test_imports_run_downwards(path: Path) -> None:
    own = _name(path)
    for target in (found.module for found in _imports(path) if found.inside):
        assert _level(target) <= _level(own), f"{own} imports {target}, which stands above it"


def test_drivers_do_not_know_each_other() -> None:
    for path in _files():
        own = _name(path).split(".", maxsplit=1)[0]
        if own in DRIVERS:
            others = {found.module.split(".", maxsplit=1)[0] for found in _imports(path) if found.inside} & DRIVERS
            # What components have in common is a protocol and no driver.
            assert others <= {own, "components"}, f"{_name(path)} imports {others - {own}}"


def test_no_import_runs_in_a_circle() -> None:
    graph = {_name(path): {found.module for found in _imports(path) if found.inside} for path in _files()}
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("folder", ["backups", "proving", "restores"])
def test_what_can_be_backed_up_is_known_by_its_protocol_alone(folder: str) -> None:
    """Else the next component would need a backup, a restore and a proof of its own."""
    for path in (ENGINE / folder).glob("*.py"):
        for target in (found.module for found in _imports(path) if found.inside):
            assert not target.startswith(("postgres", "files", "redis")), f"{_name(path)} imports {target}"


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
