# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rescue of rows says: what it would bring back, and what it brought back."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import UsageError
from ...ground.model import Outcome
from ...ground.units import human_count

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...drivers.components.base import Described
    from ...drivers.components.postgres.row_rescue import Found
    from .request import RescueRequest

_WORDS = {"insert": "+", "update": "~", "delete": "-"}
_DONE = {"insert": "put back", "update": "changed back", "delete": "deleted"}


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from: a backup, or the server that was recovered from it to a `moment`."""

    record: Described
    moment: str | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        backup_id = self.record.backup_id
        return f"{backup_id} recovered to {self.moment}" if self.moment else backup_id


class Report:
    """What was `found`, for a request, between the living tables and those of their origin."""

    def __init__(self, request: RescueRequest, origin: Origin, found: Found, warnings: tuple[str, ...]) -> None:
        self._request = request
        self._origin = origin
        self._found = found
        self._warnings = warnings

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not self._found.count and not self._found.sequences

    def require_confirm(self) -> None:
        """Raise UsageError that names the exact token and tells what it confirms, unless it was given."""
        token = self._found.token
        if self._request.confirm == token:
            return
        given = "Rows have changed since they were looked at: " if self._request.confirm else ""
        raise UsageError(
            f"{given}{self._count('would be')} in database {self._request.living}.",
            f"To do it, set confirm: {token}",
            field="confirm",
            confirm=token,
            restore=self._facts(),
            preview=self._text().splitlines(),
        )

    def unchanged(self) -> Outcome:
        """Say that all is as it was."""
        said = f"The rows are as in {self._origin.name}: nothing to do."
        if left := self._deletes:
            said = f"The rows of {self._origin.name} are there: nothing to do. {left}"
        return Outcome(False, {"restore": self._facts(confirm=None), "summary": said}, warnings=self._warnings)

    def planned(self) -> Outcome:
        """Say what would be done, and which token it would need."""
        said = f"{self._count('would be')}, as in {self._origin.name}."
        warnings = self._warnings
        if self._request.confirm != self._found.token:
            warnings = (*warnings, f"The rescue will need confirm: {self._found.token}")
        facts = {"restore": self._facts(), "summary": said}
        return Outcome(True, facts, after=self._text(), warnings=warnings)

    def done(self, left: Found, warnings: tuple[str, ...], seconds: Mapping[str, float]) -> Outcome:
        """Say what was done, and what is `left`."""
        said = f"{self._count('were')}, as in {self._origin.name}."
        facts = self._facts(phase_seconds=dict(seconds), left=self._tables(left))
        return Outcome(
            True, {"restore": facts, "summary": said}, after=self._text(), warnings=(*self._warnings, *warnings)
        )

    @property
    def _deletes(self) -> str:
        extra = sum(each.counts["delete"] for each in self._found.summaries)
        if not extra or self._found.deletes:
            return ""
        return f"{human_count(extra, 'row')} that the backup has not stay; set deletes: apply to delete them."

    def _count(self, verb: str) -> str:
        parts = []
        for kind, done in _DONE.items():
            number = sum(each.counts[kind] for each in self._found.summaries)
            if number and (kind != "delete" or self._found.deletes):
                parts.append(f"{human_count(number, 'row')} {verb} {done}")
        if self._found.sequences:
            parts.append(f"{human_count(len(self._found.sequences), 'sequence')} {verb} set forward")
        return ", ".join(parts) or "Nothing"

    def _facts(self, **known: t.Any) -> dict[str, t.Any]:
        return {
            "component": self._origin.record.component,
            "backup_id": self._origin.record.backup_id,
            "moment": self._origin.moment,
            "target": self._request.living,
            "chosen": list(self._request.tables),
            "deletes": self._request.deletes,
            "triggers": self._request.triggers,
            "rows": self._found.count,
            "compared": self._tables(self._found),
            "sequences": dict(self._found.sequences),
            "confirm": self._found.token,
            "phase_seconds": {},
            "left": None,
            **known,
        }

    def _tables(self, found: Found) -> list[dict[str, t.Any]]:
        return [each.facts(show_rows=self._request.show_rows) for each in found.summaries]

    def _text(self) -> str:
        origin, living = self._origin, self._request.living
        lines = [f"rescue of rows of {origin.record.component} from {origin.name} into {living}"]
        for table in self._tables(self._found):
            lines += _of_table(table)
        lines += [f"  sequence {name} to {value}" for name, value in self._found.sequences.items()]
        if left := self._deletes:
            lines.append(f"  {left}")
        lines.append(f"  needs confirm: {self._found.token}")
        return "\n".join(lines) + "\n"


def _of_table(table: Mapping[str, t.Any]) -> Iterator[str]:
    numbers = (table["inserts"], table["updates"], table["deletes"])
    yield "  {}: {} gone, {} changed, {} only there now".format(table["table"], *numbers)
    if table["columns_changed"]:
        yield f"    changed: {', '.join(f'{name} in {count}' for name, count in table['columns_changed'].items())}"
    for words, names in (("the table has no more, left out", "left_out"), ("added since, not compared", "added")):
        if table[names]:
            yield f"    {words}: {', '.join(table[names])}"
    for (kind, rows), number in zip(table["first"].items(), numbers, strict=True):
        for row in rows:
            yield f"    {_WORDS[kind]} {_row(row)}"
        if number > len(rows):
            yield f"    {_WORDS[kind]} and {number - len(rows)} more"


def _row(row: Mapping[str, t.Any]) -> str:
    said = _pairs(row["key"])
    if "columns" in row:
        said += f" ({', '.join(row['columns'])})"
    if "source" in row:
        said += f" was {_pairs(row['source'])}"
    if "live" in row:
        said += f" is {_pairs(row['live'])}"
    return said


def _pairs(values: Mapping[str, str | None]) -> str:
    return " ".join(f"{name}={'NULL' if value is None else value!r}" for name, value in values.items())
