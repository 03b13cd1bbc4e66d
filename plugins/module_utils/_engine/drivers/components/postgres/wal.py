# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a write-ahead log holds after a position, read by PostgreSQL's pg_waldump."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import typing as t
from datetime import UTC, datetime

from ....ground import process
from ....ground.errors import ProcessFailed
from ....ground.streams import whole_lines
from .wal_files import lsn, shown

if t.TYPE_CHECKING:
    from collections.abc import Sequence

_RECORD = re.compile(rb"rmgr: (\S+)\s+len \(rec/tot\):\s*\d+/\s*(\d+), .*?lsn: ([0-9A-F]+/[0-9A-F]+), .*?desc: (\S+)")
_COMMITS = frozenset({b"COMMIT", b"COMMIT_PREPARED"})
_ALIGNMENT = 8
_ENDED = re.compile(
    rb"lsn: ([0-9A-F]+/[0-9A-F]+), .*?desc: ((?:COMMIT|ABORT)(?:_PREPARED)?) (?:\d+: )?(\d{4}-\d\d-\d\d [0-9:.]+) UTC"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """What a server wrote after a position: bytes of WAL, and the transactions that it committed."""

    bytes: int
    transactions: int

    def __bool__(self) -> bool:
        return self.bytes > 0


def written_after(bin_dir: str, data_dir: str, timeline: int, position: int) -> Written | None:
    """Return what the WAL of a stopped server holds after a position, None where that part of it is gone."""
    argv = [os.path.join(bin_dir, "pg_waldump"), f"--path={os.path.join(data_dir, 'pg_wal')}"]
    argv += [f"--timeline={timeline}", f"--start={shown(position)}"]
    end, commits = position, 0
    with process.Producer(argv, env={"LC_ALL": "C"}) as child:
        try:
            for line in whole_lines(child):
                if found := _RECORD.match(line):
                    manager, length, where, what = found.groups()
                    end = lsn(where.decode()) + int(length)
                    commits += manager == b"Transaction" and what in _COMMITS
        except ProcessFailed as exc:
            # It ends so wherever the WAL ends, because what follows is no record.
            if end == position and "could not find a valid record" not in str(exc.details.get("stderr", "")):
                return None
    return Written(end + -end % _ALIGNMENT - position, commits)


class Ended(t.NamedTuple):
    """A transaction that ended: by a commit or not, at a position, and when by the clock of its server."""

    position: int
    at: datetime
    committed: bool


def ended(bin_dir: str, path: str, prefix: Sequence[str] = ()) -> list[Ended]:
    """
    Return the transactions that end in the segment at `path`, in their order. A recovery to a time looks at all.

    `prefix` is a program that starts pg_waldump, such as setpriv: what a segment holds is as its server wrote it.
    """
    argv = [*prefix, os.path.join(bin_dir, "pg_waldump"), "--rmgr=Transaction", path]
    found: list[Ended] = []
    # Where the log ends, what follows is no record, and pg_waldump says so.
    with process.Producer(argv, env={"LC_ALL": "C", "TZ": "UTC"}) as child, contextlib.suppress(ProcessFailed):
        for line in whole_lines(child):
            if match := _ENDED.search(line):
                at = datetime.fromisoformat(match[3].decode()).replace(tzinfo=UTC)
                found.append(Ended(lsn(match[1].decode()), at, match[2].startswith(b"COMMIT")))
    return found
