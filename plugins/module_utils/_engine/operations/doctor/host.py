# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host itself: libraries, key files, room, and what interrupted runs left."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import typing as t

from ...drivers.stores import factory
from ...ground import holder, status
from ...ground.host_state import LOAN
from ...ground.units import human_count, human_duration, human_size
from ...records.anomalies.backup_figures import Statistics
from ...records.repository import choosing
from ..lend.ledger import abandoned
from .check import Case, Check, failed, ok, warning

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...records.anomalies.backup_figures import Statistic
    from ...records.repository.manifest import Manifest

LEAST_STATE = 32 << 20
"""Bytes of room below which journals and status files soon cannot be written."""

ROOM = 1.2
"""How much larger than the last one the next backup may be."""

SCRATCH_ROOM = 1.5
"""How much larger than its dump a restored database is, indexes included; few are larger still."""

_LIBRARIES = (("cryptography", "cryptography"), ("obstore", "obstore"), ("psycopg", "psycopg"))
_ZSTD = (("compression.zstd", ""), ("backports.zstd", "backports.zstd"))


def examine(case: Case) -> Iterator[Check]:
    """Yield what can be said without the store and without the database."""
    yield _libraries(case)
    yield from _keys(case)
    yield from _lent(case)
    yield from _interrupted(case)
    yield from _state(case)


def _libraries(case: Case) -> Check:
    wanted = [*_LIBRARIES[:1], *(() if factory.directory_of(case.request.repository.store) else _LIBRARIES[1:2])]
    wanted += _LIBRARIES[2:] if case.request.login else ()
    missing = [name for module, name in wanted if not _found(module)]
    if not any(_found(module) for module, _name in _ZSTD):
        missing.append("backports.zstd")
    if missing:
        return failed(
            "libraries",
            f"Python libraries are missing on this host: {', '.join(missing)}.",
            "Run playbook lifeboat.recovery.install for this host.",
            missing=missing,
        )
    versions = {name: importlib.metadata.version(name) for _module, name in wanted}
    said = ", ".join(f"{name} {version}" for name, version in versions.items())
    return ok("libraries", f"The libraries are installed: {said}.", **versions)


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _keys(case: Case) -> Iterator[Check]:
    """Look at every file that holds a secret: is it there, ours, and nobody else's?"""
    keys, store, login = case.request.repository.keys, case.request.repository.store, case.request.login
    paths = [keys.recovery_key_file, keys.signer_file, keys.digest_key_file, keys.opening_key_file]
    paths += [store.credentials_file, login.password_file if login else None]
    looked = [path for path in paths if path]
    found = [check for path in looked for check in _secret(path)]
    places = {os.path.dirname(os.path.abspath(path)) for path in looked} | {case.request.config_dir}
    found += [check for place in sorted(places) for check in _place(place)]
    yield from found
    if not found:
        yield ok(
            "key_files",
            f"{human_count(len(looked), 'file')} with secrets can only be read by their owner.",
            files=len(looked),
        )


def _secret(path: str) -> Iterator[Check]:
    try:
        state = os.stat(path)
    except OSError as exc:
        yield failed("key_files", f"{path} cannot be checked: {exc.strerror}.", "Correct the path or its owner.")
        return
    mode = stat.S_IMODE(state.st_mode)
    if mode & 0o077:
        yield failed(
            "key_files",
            f"{path} is accessible to users other than its owner (mode {mode:04o}).",
            f"Run chmod 600 {path}, and consider who may have read it.",
            path=path,
        )
    elif not os.access(path, os.R_OK):
        yield failed(
            "key_files",
            f"{path} cannot be read by {_user(os.geteuid())}.",
            f"Change its owner to {_user(os.geteuid())}.",
        )
    elif state.st_uid not in {os.geteuid(), 0}:
        yield warning(
            "key_files",
            f"{path} belongs to {_user(state.st_uid)}, and the backups run as {_user(os.geteuid())}.",
            "Change its owner to the backup user.",
            path=path,
        )


def _place(path: str) -> Iterator[Check]:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    # In a sticky directory others can add files and replace none.
    if mode & 0o022 and not mode & stat.S_ISVTX:
        yield failed(
            "key_files",
            f"Other users may replace the files in {path} (mode {stat.S_IMODE(mode):04o}).",
            f"Run chmod go-w {path}, and check its content.",
            path=path,
        )


def _lent(case: Case) -> Iterator[Check]:
    for path in abandoned(LOAN.folder(case.request.config_dir)):
        yield failed(
            "leftovers",
            f"An interrupted restore left {path}: it may contain superuser rights, or a key that decrypts the backups.",
            "Run playbook lifeboat.recovery.restore with --check, which revokes what was lent to it.",
        )


def _interrupted(case: Case) -> Iterator[Check]:
    runs = status.of_host(case.state_dir)
    now = case.world.now()
    for run in runs:
        if not run.result and not holder.lives(run.pid):
            ago = human_duration(max((now - run.updated).total_seconds(), 0))
            yield warning(
                "leftovers",
                f"The {run.title} of {ago} ago was interrupted.",
                "Run it again; the next run removes or reuses what it left.",
            )


def _state(case: Case) -> Iterator[Check]:
    if not case.state_dir:
        return
    if not os.path.isdir(case.state_dir):
        yield failed(
            "state",
            f"The directory {case.state_dir} is missing, so this host keeps no records.",
            "Run playbook lifeboat.recovery.install for this host.",
        )
    elif not os.access(case.state_dir, os.W_OK):
        yield failed("state", f"{case.state_dir} is not writable.", "Change its owner to the backup user.")
    else:
        free = shutil.disk_usage(case.state_dir).free
        if free < LEAST_STATE:
            yield failed("state", f"{case.state_dir} has {human_size(free)} free.", "Free space there.", free=free)
        else:
            yield ok("state", f"{case.state_dir} is writable and has {human_size(free)} free.", free=free)


def room(case: Case) -> Iterator[Check]:
    """Compare what is free with what the next backup and the next validation need, by the last ones."""
    sizes, plain = _expected(case)
    directory = factory.directory_of(case.request.repository.store) if case.opened else None
    if directory and os.path.isdir(directory):
        yield _store_room(case, directory, round(ROOM * sizes))
    if case.request.scratch_dir and plain:
        parent = _existing(case.request.scratch_dir)
        free, needed = shutil.disk_usage(parent).free, round(SCRATCH_ROOM * plain)
        said = f"{case.request.scratch_dir} has {human_size(free)} free"
        if free < needed:
            yield warning(
                "scratch_space",
                f"{said}, and validating the largest database takes about {human_size(needed)}.",
                "Free space there, or set lifeboat_scratch_dir to a directory with more space.",
                free=free,
                needed=needed,
            )
        else:
            yield ok(
                "scratch_space", f"{said}; a validation takes about {human_size(needed)}.", free=free, needed=needed
            )


def _store_room(case: Case, directory: str, needed: int) -> Check:
    usage = shutil.disk_usage(directory)
    used = round(100 * (usage.total - usage.free) / usage.total) if usage.total else 100
    facts = {"free": usage.free, "needed": needed, "used_percent": used}
    said = f"The store has {human_size(usage.free)} free and is {used} % full"
    if usage.free < needed:
        return failed(
            "store_space",
            f"{said}; the next backup takes about {human_size(needed)}.",
            "Free space, or shorten the retention.",
            **facts,
        )
    if used > case.request.limits.storage_used:
        return warning("store_space", f"{said}.", "Free space, or shorten the retention.", **facts)
    return ok("store_space", f"{said}; the next backup takes about {human_size(needed)}.", **facts)


def _expected(case: Case) -> tuple[int, int]:
    """Return the bytes that the next backups of all databases store, and those of data of the largest one."""
    made = Statistics(case.state_dir, case.request.repository.place).of(case.application)
    remembered = choosing.newest_of_each(filter(choosing.is_comparable, made))
    stored = choosing.newest_of_each(filter(choosing.is_comparable, (backup.manifest for backup in case.backups)))
    newest: dict[str, Statistic | Manifest] = {**remembered, **stored}
    return (
        sum(one.size for one in newest.values()),
        max((one.plain_size for one in newest.values()), default=0),
    )


def _existing(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path) or "/"
    return path


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
