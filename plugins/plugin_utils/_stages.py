# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
How the steps of one stage of a recovery begin and end: plain functions of what was decided and what hosts said.

This file is private to the collection; role recover calls it by the filters recovery_begins, recovery_ends and
recovery_table.
"""

from __future__ import annotations

import typing as t

from ..module_utils._engine.ground.printing import columns, printable, shortened
from ..module_utils._engine.ground.units import human_duration
from ..module_utils._engine.records.recovery import expecting, forecast
from ..module_utils._engine.records.recovery.events import Expected

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


Known = t.Mapping[str, t.Any]
"""What the tasks of role recover know of a step; see _known_steps.py."""

VERDICTS = ("run", "skip", "wait", "refuse")

AWAY = "cannot be reached"
SILENT = "became unreachable, or left the step without a result"
LONGEST = 120


def begins(
    steps: Sequence[Known], verdicts: Mapping[str, str], reasons: Mapping[str, str], settled: Sequence[str], now: float
) -> dict[str, t.Any]:
    """
    Return what the steps of a stage come to: those by verdict, what did not begin as `ended`, and what is `open`.

    A step that is settled is none of them, and one without a verdict is skipped: its condition was false.

    An open step has the hosts that are `left`, when it `began`, and its `deadline`, 0 for none. If a step is refused,
    none begins. `now` and the deadlines are seconds of the epoch.
    """
    due = [step for step in steps if step["id"] not in settled]
    chosen = {verdict: [step for step in due if verdicts.get(step["id"], "skip") == verdict] for verdict in VERDICTS}
    if chosen["refuse"]:
        chosen["run"], chosen["wait"] = [], []
    ended = [_end(step, "skipped", reason=step["empty"] or "when is false") for step in chosen["skip"]]
    ended += [_end(step, "failed", reason=reasons.get(step["id"], "")) for step in chosen["refuse"]]
    opened = {
        step["id"]: {
            "left": list(step["hosts"]),
            "began": now,
            "deadline": now + step["timeout"] if step["timeout"] else 0,
        }
        for step in chosen["run"]
    }
    events = [
        *map(_ended_event, ended),
        *({"state": "waiting", "step": step["id"], "text": step["approval"]} for step in chosen["wait"]),
        *({"state": "begin", "step": step["id"], "exclusive": step["exclusive"]} for step in chosen["run"]),
    ]
    return {**chosen, **_came_to(ended, opened), "events": events}


def ends(
    steps: Sequence[Known], opened: Mapping[str, t.Any], results: Mapping[str, t.Any], attempt: int, now: float
) -> dict[str, t.Any]:
    """
    Return what an attempt at the open steps came to: what `ended`, and what is `open` for another attempt.

    `results` has the variables of each host: `recover_probe`, whether it could be reached, and `recover_results`, by
    step the attempt, whether it was `ok`, `facts` for the journal, the `bytes` and `seconds` of what was `moved`, and
    `log_bytes` and `log_seconds` of what was replayed, and a message, which tells what to know of a step that ended
    well. A host that said nothing in this attempt failed.
    """
    ended: list[dict[str, t.Any]] = []
    again: list[dict[str, t.Any]] = []
    still: dict[str, t.Any] = {}
    for step in (step for step in steps if step["id"] in opened):
        state = opened[step["id"]]
        said = {host: _said(results, host, step["id"], attempt) for host in state["left"]}
        failed = {host: message for host, message in said.items() if message is not None}
        in_time = not state["deadline"] or now < state["deadline"]
        if failed and attempt < step["attempts"] and in_time:
            still[step["id"]] = {**state, "left": list(failed)}
            again.append(_end(step, "failed", attempt=attempt, hosts=failed) | {"accepted": False})
            continue
        late = "" if in_time else f"It did not end within {human_duration(step['timeout'])}."
        seconds = round(now - state["began"], 1)
        told = failed or _told(results, step)
        facts = {f"{host} {name}": value for host in step["hosts"] for name, value in _kept(results, host, step["id"])}
        facts |= _moved(results, state["left"], step["id"])
        end = _end(step, "failed" if failed else "ok", attempt=attempt, hosts=told, seconds=seconds) | {"facts": facts}
        ended.append({**end, "reason": late, "message": f"{late} {end['message']}".strip()} if failed else end)
    retried = [{"state": "begin", "step": each["step"], "attempt": attempt + 1} for each in again]
    events = [*map(_ended_event, [*again, *ended]), *retried]
    return {**_came_to(ended, still), "events": events}


def table(
    plan: Known,
    recovery: Known,
    ended: Sequence[Known],
    approvals: Mapping[str, str],
    *,
    check: bool = False,
) -> list[str]:
    """
    Return a line for each step of the plan: what it came to in this run or before, where, and the forecast beside how
    long it took; in check mode which wait for an approval. The last line has the forecast of the whole.
    """
    known = {each["step"]: each for each in ended}
    rows = [["STEP", "RESULT", "FORECAST", "TOOK", "HOSTS", ""]]
    for step in plan["steps"]:
        identity, found = step["id"], known.get(step["id"])
        awaited = approvals.get(identity) if identity not in recovery["approved"] else None
        told = [shortened(printable(found["message"]), LONGEST)] if found and found["message"] else []
        told += [shortened(f"waits for approval: {awaited}", LONGEST)] if awaited and check else []
        result, took = _came_out(found, recovery["settled"].get(identity), recovery["steps_seconds"].get(identity))
        hosts = shortened(" ".join(step["hosts"]), LONGEST // 3)
        rows.append([identity, result, _forecast(recovery["forecast"].get(identity)), took, hosts, " ".join(told)])
    return [*columns(rows), f"Forecast of the whole: {_forecast(recovery['forecast_total'])}."]


def _came_out(found: Known | None, before: str | None, seconds: float | None) -> tuple[str, str]:
    """Return what a step came to, in this run or before, and how long it took."""
    if found is None:
        took = human_duration(seconds) if before and seconds else "-"
        return (f"{before} before" if before else "-"), took
    result = "failed, accepted" if found["accepted"] and found["result"] == "failed" else found["result"]
    return result, human_duration(found["seconds"]) if found["seconds"] is not None else "-"


def _forecast(expected: Known | None) -> str:
    return expecting.said(Expected(**expected)) if expected else "-"


def _came_to(ended: Sequence[Known], opened: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return what `ended`, what of it is `settled`, what is `open`, and the hosts that are `left` to work."""
    settled = [each["step"] for each in ended if each["result"] != "failed" or each["accepted"]]
    return {"ended": list(ended), "settled": settled, "open": dict(opened), "left": _left(opened)}


def _ended_event(ended: Known) -> dict[str, t.Any]:
    """Return the options of module recovery_journal that record it."""
    told = ("step", "attempt", "result", "accepted", "reason", "hosts", "facts")
    return {"state": "end", **{name: ended[name] for name in told if ended.get(name) is not None}}


def _left(opened: Mapping[str, t.Any]) -> list[str]:
    """Return all hosts that open steps still run on, each once."""
    return list(dict.fromkeys(host for state in opened.values() for host in state["left"]))


def _end(
    step: Known,
    result: str,
    *,
    reason: str = "",
    attempt: int = 1,
    hosts: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> dict[str, t.Any]:
    accepted = result == "failed" and bool(step["accepts_failure"]) and not reason
    return {
        "step": step["id"],
        "result": result,
        "accepted": accepted,
        "reason": reason,
        "attempt": attempt,
        "hosts": dict(hosts or {}),
        "seconds": seconds,
        "facts": {},
        "message": " ".join(f"{host}: {said}" for host, said in (hosts or {}).items()) or reason,
    }


def _result(results: Mapping[str, t.Any], host: str, step: str) -> Known:
    """Return what a host said that a step came to, nothing where it did not."""
    return (results.get(host) or {}).get("recover_results", {}).get(step) or {}


def _kept(results: Mapping[str, t.Any], host: str, step: str) -> list[tuple[str, t.Any]]:
    """Return what a host told that the journal keeps."""
    return sorted((_result(results, host, step).get("facts") or {}).items())


def _moved(results: Mapping[str, t.Any], hosts: Sequence[str], step: str) -> dict[str, int]:
    """Return how many bytes a step moved on its hosts, and how long the slowest of them did so."""
    each = [_result(results, host, step).get("moved") or [] for host in hosts]
    if not any(each):
        return {}
    told = {forecast.BYTES: _sum(each, "bytes"), forecast.MILLISECONDS: _longest(each, "seconds")}
    if log := _sum(each, "log_bytes"):
        told |= {forecast.LOG_BYTES: log, forecast.LOG_MILLISECONDS: _longest(each, "log_seconds")}
    return told


def _sum(each: Sequence[Sequence[Known]], name: str) -> int:
    return sum(round(one.get(name, 0)) for moved in each for one in moved)


def _longest(each: Sequence[Sequence[Known]], name: str) -> int:
    """Return the milliseconds of the slowest host."""
    return max(round(1000 * sum(one.get(name, 0) for one in moved)) for moved in each)


def _said(results: Mapping[str, t.Any], host: str, step: str, attempt: int) -> str | None:
    """Return why a host failed in this attempt, None if it did not."""
    found = _result(results, host, step)
    if found.get("attempt") != attempt:
        return AWAY if results[host].get("recover_probe", {}).get("unreachable") else SILENT
    return None if found.get("ok") else str(found.get("message") or "failed")


def _told(results: Mapping[str, t.Any], step: Known) -> dict[str, str]:
    """Return what the hosts of a step that ended well tell of it."""
    every = ((host, _result(results, host, step["id"])) for host in step["hosts"])
    return {host: str(found["message"]) for host, found in every if found.get("ok") and found.get("message")}
