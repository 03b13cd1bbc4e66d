# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: what an audit report says about several hosts, and their entries as CSV where their logs were collected.

Beside them lies `heads.json`, the newest hash of each host's log. It is what a later run checks the logs
against, and the head of a log that is broken does not replace the one that was known.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
import typing as t

from ...ground import disk
from ...ground.errors import NotFound, UsageError
from ...ground.model import Outcome
from ...ground.printing import all_printable
from ...records.audit import period as audit_period
from ...records.audit import summary
from ...records.audit.log import one_line

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ...ground.model import World
    from ...records.audit.log import Entry
    from ...records.audit.summary import Collected

HEADS = "heads.json"
MODE = 0o640


@dataclasses.dataclass(frozen=True, slots=True)
class ReportRequest:
    """What module audit_info gave, by host; the directory to write to; whether the entries are written there."""

    hosts: Mapping[str, Mapping[str, t.Any]]
    dest: str
    period: str = ""
    zone: str = "UTC"
    application: str = ""
    csv: bool = True
    requested_by: str = ""


def report(request: ReportRequest, world: World) -> Outcome:
    """
    Return what the report says. A broken chain or a missing host is reported in it, and does not stop it.

    Raise UsageError on a bad period, on no hosts, or on a file of heads that is none; StoreError when the disk refuses.
    """
    if not request.hosts:
        raise UsageError("There is no host to report on.", "Set hosts to the results of audit_info.", field="hosts")
    period = audit_period.parse(request.period, world.now(), request.zone)
    heads = _read_heads(request.dest)
    hosts = [
        summary.collected(name, given, summary.read_head(heads.get(name)))
        for name, given in sorted(request.hosts.items())
    ]
    base = "-".join(filter(None, ("audit", request.application, period.name.replace("..", "_"))))
    files = {f"{base}.csv": entries_csv(summary.all_entries(hosts))} if request.csv else {}
    if not world.dry_run:
        _write(request.dest, {**files, HEADS: _heads(heads, hosts)})
    made = f"made at {world.now().isoformat(timespec='seconds')}"
    asked = f" for {request.requested_by}" if request.requested_by else ""
    told = {
        "title": f"Audit report {period.name}" + (f" of {request.application}" if request.application else ""),
        "about": f"{period.days} ({period.zone}), {made}{asked}.",
        "sections": [dataclasses.asdict(section) for section in summary.sections(hosts, period)],
    }
    return _outcome(hosts, {"path": os.path.join(request.dest, base), "period": period.name, **all_printable(told)})


def _write(dest: str, files: Mapping[str, str]) -> None:
    with disk.explained(dest):
        os.makedirs(dest, mode=0o750, exist_ok=True)
    for name, text in files.items():
        disk.write_atomically(os.path.join(dest, name), [text.encode()], mode=MODE)


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
            f"The file {path} is not a file of heads.", "Restore it, or move it away to start anew.", field="dest"
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


def _outcome(hosts: Sequence[Collected], told: Mapping[str, t.Any]) -> Outcome:
    said = summary.verdict(hosts)
    count = sum(len(host.entries) for host in hosts)
    facts = {
        **told,
        "entries": count,
        "verified": all(host.sound for host in hosts),
        "hosts": [
            {"name": host.name, "entries": len(host.entries), "problems": list(host.problems), "error": host.error}
            for host in hosts
        ],
        "summary": f"{count} entries of {len(hosts)} hosts. {said}",
    }
    warnings = () if facts["verified"] else (said,)
    return Outcome(changed=True, facts=facts, after=f"{told['about']}\n{facts['summary']}\n", warnings=warnings)


COLUMNS = (
    "host_collected",
    "sequence",
    "time",
    "operation",
    "result",
    "application",
    "component",
    "backup_id",
    "host",
    "user",
    "os_user",
    "reason",
    "seconds",
    "message",
    "facts",
    "previous",
    "hash",
)

# Where a semicolon separates cells, as in much of Europe, one inside a cell begins another. The wide signs count too.
_FORMULA = re.compile(r"(?:^|(?<=;))(\s*)(?=[-=+@|%＝＋－＠])")  # noqa: RUF001


def entries_csv(entries: Iterable[tuple[str, Entry]]) -> str:
    """Return all entries as CSV with a header, in RFC 4180's form."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for host, entry in entries:
        facts = "; ".join(f"{name}={value}" for name, value in sorted(entry.facts.items()))
        given: dict[str, object] = {name: getattr(entry, name) for name in COLUMNS if hasattr(entry, name)}
        given |= {"host_collected": host, "os_user": entry.facts.get("os_user", ""), "facts": facts}
        writer.writerow([_cell(given[name]) for name in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return str(value)
    # An apostrophe says "this is text" to a spreadsheet; blanks before a sign do not hide it.
    return _FORMULA.sub(r"\1'", one_line(str(value)))
