# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The text that Prometheus reads: families of samples with their help and type, names checked, every value escaped.

https://prometheus.io/docs/instrumenting/exposition_formats/ is the format. One malformed or repeated line makes a
node_exporter drop the whole file, so this raises where a caller would write one.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing as t

from .printing import printable

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """A value and the labels that tell it from the others of its family. An empty label is as good as none."""

    value: float
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """All samples of one metric. `kind` is `gauge` or `counter`; a family without samples is left out."""

    name: str
    kind: t.Literal["gauge", "counter"]
    help: str
    samples: tuple[Sample, ...]


def render(families: Iterable[Family]) -> str:
    """Return the exposition. Raise ValueError on a bad name, a repeated family, or a repeated sample."""
    lines: list[str] = []
    seen: set[str] = set()
    for family in families:
        if not _METRIC.fullmatch(family.name) or family.name in seen:
            raise ValueError(f"{family.name!r} is not a metric name, or is a duplicate")
        seen.add(family.name)
        if not family.samples:
            continue
        lines.append(f"# HELP {family.name} {_escaped(family.help)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        own = [f"{family.name}{_labels(sample.labels)}" for sample in family.samples]
        if len(set(own)) != len(own):
            raise ValueError(f"two samples of {family.name} have the same labels")
        lines += [f"{name} {_number(sample.value)}" for name, sample in zip(own, family.samples, strict=True)]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Mapping[str, str]) -> str:
    pairs = []
    for name, value in sorted(labels.items()):
        if not _LABEL.fullmatch(name) or name.startswith("__"):
            raise ValueError(f"{name!r} is not a label name")
        if value:
            quoted = _escaped(value).replace('"', '\\"')
            pairs.append(f'{name}="{quoted}"')
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(text: str) -> str:
    # The format has a form for a line break, which an alert's message would then hold; no name needs one.
    return printable(text).replace("\\", "\\\\")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if float(value).is_integer() else repr(float(value))
