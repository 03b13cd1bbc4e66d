# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
pg_restore as a child: how it is told where to connect, how fast to go, and what its failures mean.

Archives never lie on a disk: a small one is handed over as a memory file through /proc/self/fd, a large one through
standard input. Names are never options: the database is quoted into a connection string.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import typing as t

from ....ground import disk, process
from ....ground.errors import DatabaseError, ProcessFailed
from . import diagnostics, toc
from .connection import child_environment, conninfo, one

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ....ground.workers import WorkerPool
    from .connection import Connection, Login
    from .server import Programs

MAINTENANCE_MEMORY = 256 << 20
"""Bytes for one index build, at most: beyond it sorts gain little and several builds run at once."""

_READY = (
    "role=none",
    # How text is read and definitions are kept must be as pg_dump has it; these pg_restore leaves as it finds them.
    "array_nulls=on",
    "transform_null_equals=off",
    "quote_all_identifiers=off",
    "statement_timeout=0",
    "lock_timeout=0",
    "idle_in_transaction_session_timeout=0",
    "idle_session_timeout=0",
    "default_transaction_read_only=off",
    "default_transaction_isolation=read\\ committed",
    "synchronous_commit=off",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Tools:
    """
    The programs that fill a database, and how they run.

    `prefix` is put before each command: another user, another network. `memory` is the machine's, in bytes; 0 means
    unknown. `options` are passed to every pg_restore. `wal_compression_lz4` says that the session may set
    wal_compression to lz4, `superuser` that it may set all else.
    """

    programs: Programs
    login: Login
    environ: Mapping[str, str]
    jobs: int = 2
    wal_compression_lz4: bool = False
    superuser: bool = False
    prefix: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    memory: int = 0

    def restore(self, *arguments: str) -> list[str]:
        """Return the argv of a pg_restore."""
        return [*self.prefix, self.programs.path("pg_restore"), "--no-password", *self.options, *arguments]

    def environment(self, database: str, *, helpers: int = 0, settings: Sequence[str] = ()) -> dict[str, str]:
        """Return the environment, with a session set for bulk load and `helpers` further processes for index builds."""
        chosen = [
            *_READY,
            f"maintenance_work_mem={self._maintenance_memory() >> 10}kB",
            f"max_parallel_maintenance_workers={helpers}",
            *settings,
        ]
        if self.superuser:
            chosen.append("lc_messages=C")  # only a superuser may choose in what language the server complains
        if self.wal_compression_lz4:
            # Index pages go to the WAL whole; compressing them by lz4 costs less than writing them.
            chosen.append("wal_compression=lz4")
        known = child_environment(self.login, database, self.environ)
        return {**known, "PGOPTIONS": " ".join(f"-c {setting}" for setting in chosen)}

    def _maintenance_memory(self) -> int:
        share = self.memory // (8 * max(self.jobs, 1)) if self.memory else MAINTENANCE_MEMORY
        return max(min(share, MAINTENANCE_MEMORY), 64 << 20)


@contextlib.contextmanager
def memory_file(content: bytes) -> Iterator[int]:
    """Yield a descriptor of an anonymous file in memory, which children open as `path_of` says."""
    with disk.closing(os.memfd_create("lifeboat")) as handle:
        disk.write_all(handle, content)
        yield handle


def path_of(handle: int) -> str:
    """Return the path under which a child that inherited `handle` opens it, as often as it likes."""
    return f"/proc/self/fd/{handle}"


def target(database: str) -> str:
    """Return the option that makes pg_restore connect to exactly the database of this name."""
    return f"--dbname={conninfo(database)}"


def contents(tools: Tools, archive: int) -> tuple[toc.Entry, ...]:
    """List the archive in the memory file `archive`."""
    argv = tools.restore("--list", "--verbose", path_of(archive))
    return toc.parse(process.run(argv, env={"LC_ALL": "C"}, pass_fds=[archive]))


def stream_contents(tools: Tools, archive: Iterable[bytes]) -> tuple[toc.Entry, ...]:
    """List an archive that comes as a stream, reading no more of it than its beginning."""
    with memory_file(b"") as out:
        argv = tools.restore("--list", "--verbose", f"--file={path_of(out)}")
        with process.Consumer(argv, env={"LC_ALL": "C"}, pass_fds=[out]) as child:
            _feed(child, archive, whole=False)
        os.lseek(out, 0, os.SEEK_SET)
        with os.fdopen(os.dup(out), "rb") as file:
            return toc.parse(file.read())


def run(
    tools: Tools,
    database: str,
    archive: int | Iterable[bytes],
    arguments: Sequence[str],
    numbers: Iterable[int] | None = None,
    *,
    helpers: int = 0,
    workers: WorkerPool | None = None,
    whole: bool = True,
) -> None:
    """
    Run pg_restore on an archive in a memory file, or one that comes as a stream; of its entries on these `numbers`, or
    on all. It ends with the `workers`. Raise ProcessFailed when it fails.
    """
    with contextlib.ExitStack() as stack:
        handles, blocks = ([archive], ()) if isinstance(archive, int) else ([], archive)
        given = [*arguments, *map(path_of, handles)]
        if numbers is not None:
            handles.append(stack.enter_context(memory_file(toc.listing(numbers))))
            given.insert(0, f"--use-list={path_of(handles[-1])}")
        argv, environment = tools.restore(target(database), *given), tools.environment(database, helpers=helpers)
        child = stack.enter_context(process.Consumer(argv, env=environment, pass_fds=handles, tail=diagnostics.KEPT))
        if workers:
            stack.enter_context(workers.running(child))
        _feed(child, blocks, whole=whole)


def _feed(child: process.Consumer, archive: Iterable[bytes], *, whole: bool) -> None:
    """
    Hand the stream to the child, and wait for its exit status 0.

    pg_restore ends once it has what it was asked for. With `whole` the rest of the stream is read all the same: only
    its end tells that all of it was authentic.
    """
    blocks = iter(archive)
    try:
        for block in blocks:
            child.write(block)
    except ProcessFailed as exc:
        if exc.details.get("exit_status") != 0:
            raise
        for _block in blocks if whole else ():
            pass
        return
    child.finish()


def explain(
    error: ProcessFailed, doing: str, otherwise: str = "Check the PostgreSQL server log; nothing was replaced."
) -> DatabaseError:
    """
    Return a pg_restore's failure as what it means; `doing` completes "while", `otherwise` is for what is not known.
    """
    said = str(error.details.get("stderr", ""))
    found = re.search(r"ERROR: +(.*)$", said, re.MULTILINE) or re.search(r"(?:error|fatal): +(.*)$", said, re.MULTILINE)
    cause = found[1].rstrip(".") if found else error.cause.rstrip(".")
    known = [_AGAIN] if ended(error) else [remedy for pattern, remedy in _REMEDIES if re.search(pattern, said)]
    return DatabaseError(
        f"pg_restore failed while {doing}: {cause}.", [*known, otherwise][0], stderr=said[-4096:]
    ).naming(doing)


def ended(error: ProcessFailed) -> bool:
    """Whether its session was ended, or never began: then what it could not make says nothing of the backup."""
    return _ENDED.search(str(error.details.get("stderr", ""))) is not None


def is_full(error: ProcessFailed) -> bool:
    """Whether the server said, in English, that its disk is full: another attempt would only take time."""
    return re.search(_REMEDIES[0][0], str(error.details.get("stderr", ""))) is not None


def reasons(error: ProcessFailed) -> dict[int, str]:
    """Return the entries that a `pg_restore --verbose` could not make, by number, with what the server said of each."""
    said = str(error.details.get("stderr", ""))
    told = dict(re.findall(r"from TOC entry (\d+);[^\n]*\n[^\n]*?:  ([^\n]*)", said))
    return {number: told.get(str(number), "").rstrip(".") for number in toc.failed(said)}


def can_compress_wal(connection: Connection) -> bool:
    """Whether this role may set wal_compression and the server has lz4: pglz would cost more than it gains."""
    found = one(connection, "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'wal_compression'")
    return bool(found) and bool(one(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))


# libpq's own words, which are English whatever the server speaks.
_ENDED = re.compile(
    r"^(?:pg_restore: .*)?(?:no connection to the server|server closed the connection|connection to server .*failed:)",
    re.MULTILINE,
)
_AGAIN = "Check the PostgreSQL server log for what ended its session, and run again; nothing was replaced."

_REMEDIES = (
    (r"No space left on device|could not extend file", "Free space on the server's disk, and run again."),
    (r"permission denied|must be (superuser|owner)", "Restore as a superuser, or as the owner of the objects."),
    (r'role ".*" does not exist', "Create the role, or restore as a role that may create roles."),
    (r'extension ".*" is not available|could not open extension', "Install the extension's package on the server."),
    (r"could not connect|terminating connection", _AGAIN),
    (r"unsupported version", "Install the client package of the version that made the backup, or a newer one."),
)
