# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Retention over many objects on the real S3 server: retention.py [--objects 100000] [--workers 8] [--write]

Fills a bucket of its own with hourly backups of eight objects each, then decides about all of them in check mode,
deletes what the preset for hours, days, weeks and months does not keep, and runs once more. Each run is a process of
its own; it says how long it took, how many requests it sent, and how much memory it had at the peak. With --write the
figures go into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import datetime
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
importlib.import_module("conftest")  # makes the collection importable
import page
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import seals
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import RecoveryKey
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import object_store
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import (
    StoreSettings,
    open_store,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue, manifest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import policy

MEMBERS = 6
OBJECTS_EACH = MEMBERS + 2
POLICY = {"preset": "hours_days_weeks_months"}
PAGE = 1000
"""Names in an answer to a listing."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure retention on the S3 server.")
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        _work(json.loads(Path(options.run).read_text(encoding="utf-8")))
        return
    from s3_fixtures import own_bucket

    with own_bucket() as s3, tempfile.TemporaryDirectory() as home:
        key = RecoveryKey.generate()
        store = {"url": f"s3://{s3.bucket}/bench", "endpoint": s3.endpoint, "credentials_file": s3.credentials_file}
        began = time.monotonic()
        backups = options.objects // OBJECTS_EACH
        _fill(StoreSettings(**store), key, backups, options.workers)
        print(f"{backups} backups stored in {time.monotonic() - began:.0f} s", flush=True)
        what = f"retention of {backups:,} hourly backups in {backups * OBJECTS_EACH:,} objects by {POLICY['preset']}"
        lines = [page.made_by("benchmarks/retention.py", what), ""]
        lines += ["| run | seconds | CPU s | requests | by kind | peak MiB |", "|---|---|---|---|---|---|"]
        for name, dry_run in (("check mode", True), ("deleting", False), ("once more", False)):
            path = Path(home) / "settings.json"
            path.write_text(json.dumps({"store": store, "key": key.hex, "dry_run": dry_run}), encoding="utf-8")
            lines.append(f"| {name} | {_measured(path)} |")
            print(lines[-1], flush=True)
        if options.write:
            page.write({"Retention": "\n".join(lines)})


def _fill(settings: StoreSettings, key: RecoveryKey, count: int, workers: int) -> None:
    store: t.Any = t.cast("t.Any", open_store(settings, environ={}))._store
    newest = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=30)

    def one(number: int) -> None:
        finished = newest - datetime.timedelta(hours=number)
        identity = repository.backup_id(finished, f"{number:016x}")
        names = [(f"{member:04d}", repository.member("shop", identity, member)) for member in range(1, MEMBERS + 1)]
        names.append(("detail", repository.detail("shop", identity, "detail")))
        files = tuple(manifest.File(name, member, 1, 64, "0" * 64, "0" * 64, 64) for member, name in names)
        for _member, name in names:
            # What put does before and after is about data that matter; here only the objects are wanted.
            object_store.obstore.put(store._client, store._key(name), b"x" * 64)
        record = _record(identity, finished, files)
        name = store._key(repository.manifest("shop", record.component, identity))
        object_store.obstore.put(store._client, name, seals.seal_record("manifest", record.payload(), [key.root]))

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for _done in pool.map(one, range(count)):
            pass


def _record(identity: str, finished: datetime.datetime, files: tuple[manifest.File, ...]) -> manifest.Manifest:
    return manifest.Manifest(
        application="shop",
        backup_id=identity,
        component="main/shop",
        kind="logical",
        scope="full",
        reason="scheduled",
        proof="counts",
        started=finished,
        finished=finished,
        versions={"server": "15.18", "pg_dump": "15.18"},
        recipients=("0" * 16,),
        parents=(),
        files=files,
    )


def _measured(path: Path) -> str:
    done = subprocess.run([sys.executable, __file__, "--run", str(path)], stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    kinds = ", ".join(f"{count:,} {name}" for name, count in sorted(found["requests"].items()))
    print(found["summary"], file=sys.stderr)
    total = sum(found["requests"].values())
    return f"{found['seconds']:.1f} | {found['cpu']:.1f} | {total:,} | {kinds} | {found['peak']:.0f}"


def _work(settings: dict[str, t.Any]) -> None:
    """Run retention once, in this process, and print what it took."""
    requests = _counted()
    world = World(
        now=lambda: datetime.datetime.now(datetime.UTC), sleep=time.sleep, environ={}, dry_run=settings["dry_run"]
    )
    repository_settings = catalogue.RepositorySettings(
        "shop", StoreSettings(**settings["store"]), KeySettings(recovery_key_hex=settings["key"])
    )
    began = time.monotonic()
    done = prune.prune(prune.PruneRequest(repository_settings, policy.parse(POLICY), force=True, replica=True), world)
    seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu": used.ru_utime + used.ru_stime,
                "peak": used.ru_maxrss / 1024,
                "requests": requests,
                "summary": done.facts["summary"],
            }
        )
    )


def _counted() -> collections.Counter[str]:
    """Count the requests of both clients. A listing is counted by its pages."""
    import botocore.client

    requests: collections.Counter[str] = collections.Counter()
    real = object_store.obstore
    call = botocore.client.BaseClient._make_api_call

    def by_boto3(self: t.Any, operation: str, arguments: t.Any) -> t.Any:
        requests[operation] += 1
        return call(self, operation, arguments)

    botocore.client.BaseClient._make_api_call = by_boto3

    class Counting:
        def __getattr__(self, name: str) -> t.Any:
            found = getattr(real, name)
            return counted(name, found) if name in {"get", "head", "put", "delete"} else found

        @staticmethod
        def list(*given: t.Any, **named: t.Any) -> t.Any:
            seen = 0
            for batch in real.list(*given, **named):
                requests["list"] += sum((seen + number) % PAGE == 0 for number in range(len(batch)))
                seen += len(batch)
                yield batch
            requests["list"] += seen == 0

    def counted(name: str, found: t.Any) -> t.Any:
        def count(*given: t.Any, **named: t.Any) -> t.Any:
            requests[name] += 1
            return found(*given, **named)

        return count

    object_store.obstore = Counting()
    return requests


if __name__ == "__main__":
    main()
