# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The plan of docs/rds.md, as it stands there, against a simulated API: rds.py

Ends with 1 when a check failed. The API is moto's; nothing of AWS is reached.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
import yaml
from bundled import ROOT, collections, ours
from moto.server import ThreadedMotoServer

HOSTS = {"rds_lost": "shop", "rds_instance": "shop-again", "rds_region": "eu-central-1", "rds_class": "db.t3.micro"}


def main() -> int:
    page = (ROOT / "docs/rds.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"`recovery/(\w+\.yml)`[^`]*```yaml\n(.*?)```", page, re.DOTALL))
    checks = {f"the page has three files: {', '.join(files)}": len(files) == 3}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    secret = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": address}
    os.environ |= secret
    rds = boto3.client("rds", region_name=HOSTS["rds_region"], endpoint_url=address)
    made = {
        "DBInstanceIdentifier": "shop",
        "Engine": "postgres",
        "DBInstanceClass": "db.t3.micro",
        "AllocatedStorage": 20,
    }
    rds.create_db_instance(**made, MasterUsername="shop", MasterUserPassword=secrets.token_hex(8))
    for name in ("older", "newer"):
        rds.create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier=name)
    with tempfile.TemporaryDirectory(prefix="lifeboat-rds-") as folder:
        home = Path(folder)
        for name in ("recovery", "store"):
            (home / name).mkdir()
        for name, text in files.items():
            (home / "recovery" / name).write_text(text)
            (home / "recovery" / name).chmod(0o644)
        (home / "key").write_text(f"{secrets.token_hex(32)}\n")
        (home / "key").chmod(0o600)
        lifeboat = {
            "lifeboat_application": "shop",
            "lifeboat_store": {"url": f"file://{home}/store"},
            "lifeboat_recovery_key_file": f"{home}/key",
            "lifeboat_python": sys.executable,
        }
        hosts = {"databases": {"hosts": {"shop": {}}}, "all": {"vars": HOSTS | lifeboat}}
        (home / "hosts.yml").write_text(yaml.safe_dump(hosts))

        def recover(*more: str) -> str:
            environ = os.environ | {
                "ANSIBLE_COLLECTIONS_PATH": f"{ours()}:{collections()}", "HOME": str(home), "ANSIBLE_NOCOLOR": "1",
            }  # fmt: skip
            program = Path(sys.executable).with_name("ansible-playbook")
            argv = [
                program,
                "-i",
                home / "hosts.yml",
                "lifeboat.recovery.recover",
                "-e",
                "lifeboat_plan=rds_lost",
                *more,
            ]
            done = subprocess.run(argv, env=environ, cwd=home, capture_output=True, text=True, check=False)
            return done.stdout + done.stderr if done.returncode == 0 else f"FAILED {done.stdout}{done.stderr}"

        said = recover()
        checks["it waits for its approval"] = "waits before step go_live" in said
        instances = rds.describe_db_instances()["DBInstances"]
        checks["the instance is there again"] = {each["DBInstanceIdentifier"] for each in instances} == {
            "shop",
            "shop-again",
        }
        again = recover("-e", "lifeboat_approve=go_live")
        checks["approved, it shows where the database answers"] = "The database answers at shop-again" in again
        checks["it is finished"] = "is finished." in again
        if not all(checks.values()):
            print(said[-5000:], again[-3000:])
    server.stop()
    for check, holds in checks.items():
        print(f"{'ok    ' if holds else 'FAILED'} {check}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
