# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user gets from module s3_retention is as it is kept in tests/data/results."""

from __future__ import annotations

import dataclasses
import os
import typing as t
from datetime import UTC, datetime, timedelta

import bucket_fixtures
import golden
import warm
from story import ASKED, Story

if t.TYPE_CHECKING:
    from pathlib import Path

    from bucket_fixtures import Place
    from s3_fixtures import S3

POLICY = {"keep_within": "20d", "min_keep": 1, "max_delete_share": 100}
GUARDS = {"create": True, "object_lock": {"mode": "governance", "days": 1}, "abort_multipart_days": 7}
ATTACKER = ("PutObject", "GetObject", "ListBucket", "AbortMultipartUpload", "DeleteObject", "DeleteObjectVersion")
LOOKS = ("GetObjectVersion", "GetObjectRetention")


def store_of(place: Place, **changes: t.Any) -> dict[str, t.Any]:
    """Return a bucket as a task names it."""
    settings = dataclasses.asdict(place.settings(**changes))
    return {"store": {key: value for key, value in settings.items() if value is not None}}


def guarding(story: Story, place: Place, attacker: str) -> None:
    given = {**story.repository, **store_of(place), **ASKED}
    story.run("s3_retention", "no_bucket", {**given, "policy": POLICY})
    story.run("s3_retention", "guards_planned", {**given, "bucket": GUARDS}, check=True)
    story.run("s3_retention", "guards", {**given, "bucket": GUARDS})
    story.run("s3_retention", "guards_already", {**given, "bucket": GUARDS})
    story.run("s3_retention", "proof_planned", {**given, "prove_immutability": True}, check=True)
    story.run("s3_retention", "proof_refused", {**given, "prove_immutability": True})
    attacking = {**given, **store_of(place, credentials_file=attacker), "prove_immutability": True}
    story.run("s3_retention", "proof", attacking)


def deleting(story: Story, place: Place, case: str) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    bucket_fixtures.back_up(place, now - timedelta(days=40))
    bucket_fixtures.back_up(place, now)
    # The old one claims to be older than the bucket, as in a copy.
    given = {**story.repository, **store_of(place), **ASKED, "policy": POLICY, "replica": True}
    story.run("s3_retention", f"{case}_planned", given, check=True)
    story.run("s3_retention", case, given)
    story.run("s3_retention", f"{case}_already", given)


def hiding(story: Story, place: Place) -> None:
    given = {**story.repository, **store_of(place), **ASKED}
    for hidden in bucket_fixtures.manifests(place):
        place.client.delete_object(Bucket=place.name, Key=f"pre/shop/manifests/main/shop/{hidden}.json")
    story.run("s3_retention", "hidden", {**given, "bucket": GUARDS})
    story.run("s3_retention", "brought_back_planned", {**given, "bring_back": True}, check=True)
    story.run("s3_retention", "brought_back", {**given, "bring_back": True})


def test_s3_retention_gives_what_it_gave(s3: S3, place: Place, user: t.Callable[..., str], tmp_path: Path) -> None:
    names = {place.name: "<bucket>", s3.bucket: "<plain bucket>", s3.endpoint: "<endpoint>"}
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    with warm.warm(["s3_retention"], tmp_path, environ) as running:
        story = Story(tmp_path, running, names)
        rights = [f"s3:{action}" for action in (*ATTACKER, *LOOKS)]
        guarding(story, place, user(bucket_fixtures.allowing(place, *rights)))
        deleting(story, place, "locked")
        hiding(story, place)
        deleting(story, bucket_fixtures.Place(s3, s3.bucket, place.client), "deleted")
    golden.check("s3_retention", story.results["s3_retention"], story.names)
