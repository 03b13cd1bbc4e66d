# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What ours is compared with, each as one command that can be measured.

The pipelines run in a shell because that is what they are in the field; nothing of the product does.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Sequence

BACKUPS: dict[str, tuple[str, str]] = {
    "step by step": (
        "pg_dump, gzip -9, openssl enc, upload, one after another",
        (
            "pg_dump > dump.sql && gzip -9 dump.sql"
            " && openssl enc -aes-256-cbc -pbkdf2 -salt -pass file:key -in dump.sql.gz -out dump.sql.gz.enc"
            " && $UPLOAD dump.sql.gz.enc"
        ),
    ),
    "directory": (
        "pg_dump -Fd -j2 (gzip), tar, gpg, upload",
        (
            "pg_dump -Fd -j2 -f dump && tar -cf dump.tar dump"
            " && gpg --batch --quiet --homedir . --pinentry-mode loopback --passphrase-file key --symmetric"
            " --cipher-algo AES256 --compress-algo none -o dump.tar.gpg dump.tar && $UPLOAD dump.tar.gpg"
        ),
    ),
    "bare": (
        "pg_dump -Fd -j2 -Z0 to memory: no compression, no encryption, no upload",
        "pg_dump -Fd -j2 -Z0 -f $MEMORY/dump",
    ),
}
"""Name -> description and shell script; $UPLOAD sends a file to the store, $MEMORY is a directory in memory."""

CLIENT = """
import sys, boto3
from botocore.config import Config
endpoint, bucket, *files = sys.argv[1:]
client = boto3.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}))
if bucket not in [found["Name"] for found in client.list_buckets()["Buckets"]]:
    client.create_bucket(Bucket=bucket)
for path in files:
    client.upload_file(path, bucket, "peer/" + path.rpartition("/")[2])
"""
"""Makes the bucket if it is not there, and uploads files as boto3 does by itself."""


def floor(pg_dump: str, members: Sequence[Sequence[str]], jobs: int) -> str:
    """
    Return the script of the floor: the same members, each piped through `zstd -3` to a local file, unencrypted.

    `members` are pg_dump's arguments for each member; xargs keeps `jobs` of them running.
    """
    lines = [
        f"{pg_dump} {' '.join(arguments)} | zstd -3 -q -o {number:04d}.zst -f"
        for number, arguments in enumerate(members)
    ]
    script = "\\0".join(line.replace("'", "'\\''") for line in lines)
    return f"printf '{script}' | xargs -0 -P {jobs} -n 1 bash -o pipefail -c"


RESTORE = ("pg_restore -j2 of a custom-format archive on a local disk", "pg_restore -j2 -d $TARGET dump.custom")
