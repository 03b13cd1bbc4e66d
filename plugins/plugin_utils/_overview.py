# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What the hosts of a play came to, as one table.

This file is private to the collection. Each kind of play has its columns, and gives the rows that a host's registered
result is worth; a host without one is a row too.
"""

from __future__ import annotations

import re
import typing as t
import urllib.parse

from ..module_utils._engine.ground.printing import columns, printable, shortened
from ..module_utils._engine.ground.units import human_count, human_duration, human_size
from ..module_utils._engine.operations.databases import overview

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Result = t.Mapping[str, t.Any]
Rows = list[list[str]]

TROUBLE = ("FAILED", "UNREACHABLE")


def lines(kind: str, hosts: Sequence[str], results: Sequence[t.Any], failures: Sequence[str]) -> list[str]:
    """
    Return the table of all hosts, what failed first, and below it what each of them says in one sentence.

    `results` and `failures` are by host, in the order of `hosts`: what was registered there, and why the host failed.
    Either is empty where there is none.
    """
    headings, rows_of = KINDS[kind]
    found: Rows = []
    sentences = []
    for host, result, failure in zip(hosts, results, failures, strict=True):
        known = result if isinstance(result, dict) else {}
        away = known.get("unreachable") or not (known or failure)
        rows = [] if away else rows_of(known)
        found += [[host, *row] for row in rows or [_without_result(len(headings), failure, away=bool(away))]]
        if isinstance(known.get("summary"), str):
            sentences.append(known["summary"] if len(hosts) == 1 else printable(f"{host}: {known['summary']}"))
    found.sort(key=lambda row: row[2] not in TROUBLE)  # all else stays in its order
    table = [["HOST", *headings], *found]
    return columns(table if len(hosts) > 1 else [row[1:] for row in table]) + sentences


def _without_result(width: int, failure: str, *, away: bool) -> list[str]:
    """Return the row of a host of which nothing is known but, perhaps, why."""
    if away:
        return ["-", "UNREACHABLE", *["-"] * (width - 3), "see above"]
    return _failed("-", width, failure) if failure else ["-", "done", *["-"] * (width - 2)]


def _cause(message: object) -> str:
    """Return the first sentence of a message: what happened, without what to do next."""
    return re.split(r"(?<=[.!]) (?=[A-Z])", " ".join(str(message).split()), maxsplit=1)[0]


def _failed(name: str, width: int, message: object) -> list[str]:
    return [name, "FAILED", *["-"] * (width - 3), shortened(_cause(message), overview.LONGEST_CAUSE)]


def _took(seconds: object) -> str:
    return human_duration(seconds) if isinstance(seconds, int | float) else "-"


def _backups(result: Result) -> Rows:
    return overview.rows(result.get("backups") or (), result.get("failures") or ())


def _validations(result: Result) -> Rows:
    """Return a row for each item of a loop over databases."""
    rows = []
    for each in result.get("results") or ():
        found = each.get("validation") or {}
        if each.get("failed"):
            rows.append(_failed(str(each.get("item", "-")), len(_VALIDATED), each.get("msg", "")))
        elif found:
            counted = [part["rows"] or 0 for part in found["parts"] if part["sort"] != "materialized view"]
            proof, took, checks = found["proof"], _took(found["seconds"]), f"{len(found['checks'])} passed"
            rows.append([str(each["item"]), "restores", f"{sum(counted):,}", proof, checks, took, found["backup_id"]])
        else:  # in check mode
            rows.append([str(each.get("item", "-")), "would restore", *["-"] * 5])
    return rows


def _restores(result: Result) -> Rows:
    found = result.get("restore")
    if not found:
        return []
    if found.get("seconds") is not None:
        done = "restored" if result.get("changed") else "restored before"
    else:
        done = "would be restored"
    source = urllib.parse.unquote(str(found.get("component", "-")).rpartition("/")[2])
    size = found["plain_size"]
    shown = human_size(size) if isinstance(size, int) else "-"
    return [[str(found["target"]), done, source, shown, _took(found.get("seconds")), found["backup_id"]]]


def _verifications(result: Result) -> Rows:
    if "files_read" not in result:
        return []
    several = result["backups"]
    read, took = human_size(result["bytes_read"]), _took(result["seconds"])
    problems = result["problems"]
    done = "FAILED" if problems else "intact" if result["level"] == "intact" else "opens"
    said = shortened(str(problems[0]), overview.LONGEST_CAUSE) if problems else f"{result['sample']} percent"
    return [[human_count(len(several), "backup"), done, f"{result['files_read']:,}", read, took, said]]


def _physical(result: Result) -> Rows:
    found = result.get("backup")
    if not found:
        return []
    if not result.get("changed"):
        done = "young enough"
    elif found["backup_id"] is None:
        done = "would back up"
    else:
        done = "SUSPICIOUS" if found["suspicions"] else "backed up"
    stored, data = found["size"], found.get("estimate") if found["plain_size"] is None else found["plain_size"]
    sizes = ["-" if size is None else human_size(size) for size in (stored, data)]
    return [[_cluster(found), done, *sizes, found["wal"] or "-", _took(found["seconds"]), found["backup_id"] or "-"]]


def _recoveries(result: Result) -> Rows:
    found = result.get("restore")
    if not found:
        return []
    went_on = found["new_timeline"]
    done = "would be recovered" if went_on is None else "recovered"
    timeline = str(found["timeline"]) if went_on is None else f"{found['timeline']} to {went_on}"
    return [[_cluster(found), done, found["target"], found["reached"] or "-", timeline, found["backup_id"]]]


def _rescues(result: Result) -> Rows:
    found = result.get("restore")
    if not found:
        return []
    if not found["rows"] and not found["sequences"]:
        done = "nothing to do"
    else:
        done = "would be rescued" if found["left"] is None else "rescued"
    return [
        [str(found["target"]), done, each["table"], *(str(each[kind]) for kind in ("inserts", "updates", "deletes"))]
        for each in found["compared"]
    ]


def _cluster(found: Mapping[str, t.Any]) -> str:
    return urllib.parse.unquote(str(found.get("component") or "-").partition("/")[0])


_VALIDATED = ("DATABASE", "RESULT", "ROWS", "PROOF", "CHECKS", "TOOK", "BACKUP")

KINDS: Mapping[str, tuple[Sequence[str], Callable[[Result], Rows]]] = {
    "backup": (overview.HEADINGS, _backups),
    "physical": (("SERVER", "RESULT", "STORED", "OF DATA", "WAL", "TOOK", "BACKUP"), _physical),
    "pitr": (("SERVER", "RESULT", "TARGET", "REACHED", "TIMELINE", "BACKUP"), _recoveries),
    "rescue": (("DATABASE", "RESULT", "TABLE", "GONE", "CHANGED", "ONLY THERE NOW"), _rescues),
    "restore": (("DATABASE", "RESULT", "FROM", "OF DATA", "TOOK", "BACKUP"), _restores),
    "validate": (_VALIDATED, _validations),
    "verify": (("READ", "RESULT", "FILES", "BYTES", "TOOK", "SAMPLE"), _verifications),
}
"""Columns, and how a host's result becomes rows of them. The second column is what the rows are sorted by."""
