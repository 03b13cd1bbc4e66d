# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The page docs/benchmarks.md, of which each benchmark writes its own parts and leaves the others' alone.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Sequence

PATH = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"

INTRODUCTION = """# Benchmarks

Each part says which script made it, when and on what. Server, store and client shared the machine's cores, so that
ratios count and seconds do not.
"""


def write(parts: dict[str, str]) -> None:
    """Put these parts, by their headings, in the place of those that the page has; further ones go to its end."""
    found = dict(re.findall(r"^## (.+)\n\n((?:(?!## ).*\n)*)", PATH.read_text(encoding="utf-8"), re.MULTILINE))
    whole = {heading: text.strip() for heading, text in {**found, **parts}.items()}
    text = "".join(f"\n## {heading}\n\n{body}\n" for heading, body in whole.items())
    PATH.write_text(INTRODUCTION + text, encoding="utf-8")


def passed_on(argv: Sequence[str], told: str) -> tuple[int, str, list[str]]:
    """
    Run a program that tells a part, and print what it does as it does. Return its status, what the line says that
    begins with `told`, and the lines behind it; empty where it told nothing.
    """
    lines = []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        for line in t.cast("t.TextIO", child.stdout):
            print(line, end="", flush=True)
            lines.append(line.rstrip("\n"))
    heads = [number for number, line in enumerate(lines) if line.startswith(told)]
    if not heads:
        return child.returncode, "", []
    return child.returncode, lines[heads[0]].removeprefix(told), lines[heads[0] + 1 :]


def made_by(script: str, what: str) -> str:
    """Say when and on what a part was made."""
    memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    return (
        f"Made by `tests/{script}` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}: {what}, "
        f"{os.cpu_count()} cores ({_processor()}), {memory} GiB of memory, a Ceph S3 server on the same machine."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
