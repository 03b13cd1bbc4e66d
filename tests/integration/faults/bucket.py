# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An empty bucket of the S3 server for programs that run outside of pytest; gone afterwards."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import typing as t

import fixtures_s3

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def own_bucket() -> Iterator[fixtures_s3.S3]:
    """Start the server where none runs, as the fixture does, and give a bucket that exists inside the block."""
    _script("start", "main", str(fixtures_s3._free_ports()))
    server = fixtures_s3.S3(**json.loads(_script("json")), bucket=f"lifeboat-campaign-{secrets.token_hex(6)}")
    client = server.client()
    client.create_bucket(Bucket=server.bucket)
    try:
        yield server
    finally:
        fixtures_s3._remove_bucket(client, server.bucket)


def _script(*arguments: str) -> str:
    return subprocess.run([fixtures_s3.SCRIPT, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout
