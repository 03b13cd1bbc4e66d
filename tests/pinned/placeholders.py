# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Puts placeholders where a result differs from run to run, from machine to machine, or with PostgreSQL's version.

A number becomes `<int>` or `<float>`, a time has zeros for its digits, and what can be told apart has a number of its
own: the same backup is `<backup-1>` throughout a result. A text of several lines becomes a list of them.
"""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

MEASURED = frozenset(
    (
        "actual_seconds",
        "replay_seconds",
        *("bytes", "bytes_read", "clock_skew", "envelope", "estimate", "estimate_seconds", "free", "freed", "gid"),
        *("lag_bytes", "lag_seconds", "log_bytes"),
        *("mtime", "needed", "newest_age_seconds", "newest_restore_tested_age_seconds", "phase_seconds", "plain_size"),
        *("port", "ratio", "rpo_seconds"),
        *("seconds", "seconds_until_usable", "size", "steps_seconds", "table_bytes", "uid", "used", "used_percent"),
        *("version_id", "waited"),
    )
)
"""Keys whose values, and those in what they hold, are of this run alone."""

TOLD_APART = {
    "backup": r"\bbackup-\d{8}T\d{6}Z-[0-9a-f]{16}\b",
    "recovery": r"\brecovery-\d{8}T\d{6}Z-[0-9a-f]{16}\b",
    "hex64": r"\b[0-9a-f]{64}\b",
    "segment": r"\b[0-9A-F]{24}\b",
    "system": r"\b7\d{18}\b",
    "hex16": r"\b[0-9a-f]{16}\b",
}
ALIKE = {
    "<size>": r"\b\d[\d,]*(\.\d+)? (([KMGT]i)?B|bytes)(?!\w)",
    r"\1 <size> \2": r"^(\S+) \d+ (<hex64-\d+>)$",
    "<lsn>": r"\b[0-9A-F]{1,8}/[0-9A-F]{7,8}\b",
    "<duration>": r"\b\d+(\.\d+)? (ms|s|min)\b( \d+ s\b)?",
    "<day>": r"\b\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)( \d{4})?(, \d\d:\d\d)?\b",
    "<ratio> to 1": r"\b\d+\.\d to 1\b",
    "<percent> % full": r"\b\d+ % full\b",
    "<release>": r"(?<![\w.])\d+\.\d+\.\d+(?!\.?\w)",
    "<stamp>": r"(?<!\d)\d{8}_\d{6}(?!\d)",
    "_lifeboat_<hex8>": r"_lifeboat_[0-9a-f]{8}\b",
    r"\1<number>": r"^(lifeboat_\w+_(?:bytes|ratio|seconds)(?:\{.*\})? )(?!0$)\S+$",
    r"\1<seconds>": r"^(lifeboat_run_last_duration_seconds\{.*\} )\S+$",
    "  ": r"(?<=\S) {2,}(?=\S)",  # columns are as wide as what stands in them
}
TIME = re.compile(
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d| UTC)|\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b"
)

OUTDATED = re.compile(r"lacks security fixes|has known vulnerabilities")
"""Warnings that depend on which PostgreSQL is installed."""


def put(result: t.Any, names: Mapping[str, str]) -> t.Any:
    """Return a result with placeholders; `names` are words of this run, and what stands for them."""
    return _Placeholders(names).value(result)


class _Placeholders:
    """What was told apart so far in one result."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._known: dict[str, dict[str, str]] = {kind: {} for kind in TOLD_APART}

    def value(self, value: t.Any, *, measured: bool = False) -> t.Any:
        if isinstance(value, dict):
            return {
                self._text(key): self.value(value[key], measured=measured or key in MEASURED) for key in sorted(value)
            }
        if isinstance(value, list):
            return [self.value(item, measured=measured) for item in value]
        if measured and value != "" and type(value) in {int, float, str}:
            return f"<{type(value).__name__}>"
        if isinstance(value, str):
            lines = [self._text(line) for line in value.split("\n")]
            return lines if len(lines) > 1 else lines[0]
        return value

    def _text(self, text: str) -> str:
        for kind, pattern in TOLD_APART.items():
            text = re.sub(pattern, lambda found, kind=kind: self._numbered(kind, found[0]), text)
        text = TIME.sub(lambda found: re.sub(r"\d", "0", found[0]), text)
        for placeholder, pattern in ALIKE.items():
            text = re.sub(pattern, placeholder, text)
        # Last, because a version such as 18.1 may also be a size or a duration.
        for name, placeholder in self._names.items():
            text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", placeholder, text)
        return text

    def _numbered(self, kind: str, found: str) -> str:
        if found in self._names:
            return found
        known = self._known[kind]
        return known.setdefault(found, f"<{kind}-{len(known) + 1}>")
