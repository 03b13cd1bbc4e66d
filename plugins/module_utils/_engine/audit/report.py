# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: one audit report about several hosts, written where their logs were collected.

Beside the reports lies `heads.json`, the newest hash of each host's log. It is what a later run checks the logs
against, and the head of a log that is broken does not replace the one that was known.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t

from .. import disk
from ..errors import NotFound, UsageError
from ..model import Outcome
from . import formats as audit_formats
from . import period as audit_period
from . import summary

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..model import World
    from .summary import Collected

FORMATS = {"markdown": "md", "html": "html", "csv": "csv"}
HEADS = "heads.json"
MODE = 0o640


@dataclasses.dataclass(frozen=True, slots=True)
class ReportRequest:
    """What module audit_info gave, by host; the directory to write to; formats of FORMATS."""

    hosts: Mapping[str, Mapping[str, t.Any]]
    dest: str
    period: str = ""
    zone: str = "UTC"
    application: str = ""
    formats: tuple[str, ...] = tuple(FORMATS)
    requested_by: str = ""


def report(request: ReportRequest, world: World) -> Outcome:
    """
    Write the report. A broken chain or a missing host is told in it, and does not stop it.

    Raise UsageError on a bad period, on no hosts, or on a file of heads that is none; StoreError when the disk refuses.
    """
    if not request.hosts:
        raise UsageError("There is no host to report on.", "Give what module audit_info returned.", field="hosts")
    period = audit_period.parse(request.period, world.now(), request.zone)
    heads = _read_heads(request.dest)
    hosts = [
        summary.collected(name, given, summary.read_head(heads.get(name)))
        for name, given in sorted(request.hosts.items())
    ]
    title = f"Audit report {period.name}" + (f" of {request.application}" if request.application else "")
    about = [
        f"{period.days} ({period.zone}), made at {world.now().isoformat(timespec='seconds')}"
        + (f" for {request.requested_by}." if request.requested_by else ".")
    ]
    sections = summary.sections(hosts, period)
    contents = {
        "markdown": lambda: audit_formats.markdown(title, about, sections),
        "html": lambda: audit_formats.html(title, about, sections),
        "csv": lambda: audit_formats.entries_csv(summary.all_entries(hosts)),
    }
    base = "-".join(filter(None, ("audit", request.application, period.name.replace("..", "_"))))
    files = {os.path.join(request.dest, f"{base}.{FORMATS[kind]}"): contents[kind]() for kind in request.formats}
    files[os.path.join(request.dest, HEADS)] = _heads(heads, hosts)
    if not world.dry_run:
        with disk.explained(request.dest):
            os.makedirs(request.dest, mode=0o750, exist_ok=True)
        for path, text in files.items():
            disk.write_atomically(path, [text.encode()], mode=MODE)
    return _outcome(hosts, list(files)[:-1], about[0], period.name)


def _read_heads(dest: str) -> dict[str, t.Any]:
    path = os.path.join(dest, HEADS)
    try:
        heads = json.loads(b"".join(disk.read_blocks(path)))
    except NotFound:
        return {}
    except ValueError:
        heads = None
    if not isinstance(heads, dict):
        raise UsageError(
            f"The file {path} is no file of heads.", "Restore it, or move it away to begin anew.", field="dest"
        )
    return heads


def _heads(heads: Mapping[str, t.Any], hosts: Sequence[Collected]) -> str:
    """Return the file of heads with those of sound logs brought up to date."""
    newer = {
        host.name: {"sequence": host.head[0], "hash": host.head[1], "time": host.head[2]}
        for host in hosts
        if host.sound and host.head
    }
    return json.dumps({**heads, **newer}, indent=2, sort_keys=True) + "\n"


def _outcome(hosts: Sequence[Collected], files: list[str], about: str, period: str) -> Outcome:
    said = summary.verdict(hosts)
    count = sum(len(host.entries) for host in hosts)
    facts = {
        "files": files,
        "period": period,
        "entries": count,
        "verified": all(host.sound for host in hosts),
        "hosts": [
            {"name": host.name, "entries": len(host.entries), "problems": list(host.problems), "error": host.error}
            for host in hosts
        ],
        "summary": f"{count} entries of {len(hosts)} hosts in {', '.join(files)}. {said}",
    }
    warnings = () if facts["verified"] else (said,)
    return Outcome(changed=True, facts=facts, after=f"{about}\n{facts['summary']}\n", warnings=warnings)
