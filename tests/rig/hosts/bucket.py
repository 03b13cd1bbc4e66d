# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Makes a bucket in the test hosts' store, unless it is there: bucket.py ENDPOINT FOLDER NAME [--list | --flip OBJECT].

With --list it prints every object instead: name, size and hash. With --flip it turns a bit in the middle of an object
round. FOLDER holds the store's credentials and ca.crt, as up.sh leaves them.
"""

from __future__ import annotations

import configparser
import sys
from pathlib import Path

import boto3


def main(endpoint: str, folder: Path, name: str, wanted: str = "", damaged: str = "") -> None:
    """Given the store and a name, leave behind a bucket of that name, print its objects, or damage one."""
    secrets = configparser.ConfigParser()
    secrets.read(folder / "credentials")
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        verify=str(folder / "ca.crt"),
        aws_access_key_id=secrets["default"]["aws_access_key_id"],
        aws_secret_access_key=secrets["default"]["aws_secret_access_key"],
    )
    if wanted == "--list":
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for found in page.get("Contents", []):
                print(found["Key"], found["Size"], found["ETag"])
    elif wanted == "--flip":
        content = bytearray(client.get_object(Bucket=name, Key=damaged)["Body"].read())
        content[len(content) // 2] ^= 1
        client.put_object(Bucket=name, Key=damaged, Body=bytes(content))
    elif name not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=name)


main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
