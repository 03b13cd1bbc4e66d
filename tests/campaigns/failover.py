# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The story of failover.sh: failover.py RIG HOSTS, with the directory of the rig and that of its scripts."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from pathlib import Path

import psycopg

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests/fixtures"))
from environment import unconfigured

OUGHT = 0.01
"""The share by which what is told may differ from what was lost."""


class Writer(threading.Thread):
    """Commits one row after the other on whichever host takes writes, and counts what was acknowledged."""

    def __init__(self, addresses: list[str], first: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[int] = []
        self.longest = 0.0
        """The longest time between two acknowledged commits, in seconds."""
        self._where = f"host={','.join(addresses)} dbname=shop user=writer password=writer connect_timeout=2"
        self._next = first
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        before = time.monotonic()
        while not self._over.is_set():
            with contextlib.suppress(psycopg.Error):
                where = f"{self._where} target_session_attrs=read-write tcp_user_timeout=3000"
                with psycopg.connect(where, autocommit=True) as connection:
                    while not self._over.is_set():
                        # A commit without an answer may have happened or not: its number is not used again.
                        self._next += 1
                        connection.execute("INSERT INTO public.orders VALUES (%s)", [self._next])
                        self.acknowledged.append(self._next)
                        now = time.monotonic()
                        self.longest, before = max(self.longest, now - before), now

    def wait_for(self, more: int) -> None:
        """Wait until so many more commits are acknowledged."""
        wanted = len(self.acknowledged) + more
        while len(self.acknowledged) < wanted:
            self._over.wait(0.05)

    def end(self) -> set[int]:
        """Stop writing, and return the numbers that were acknowledged."""
        self._over.set()
        self.join()
        return set(self.acknowledged)


@dataclasses.dataclass
class Campaign:
    """Two hosts, and a controller with its files in `home`."""

    rig: Path
    hosts: Path
    home: Path
    wrong: list[str] = dataclasses.field(default_factory=list)

    def prepare(self) -> None:
        for name in ("store", "state"):
            (self.home / name).mkdir()
        (self.home / "key").write_text(f"{secrets.token_hex(32)}\n")
        (self.home / "key").chmod(0o600)
        prefix = (self.rig / "prefix").read_text().strip()
        self.addresses = {"pg1": f"{prefix}.16", "pg2": f"{prefix}.17"}
        variables = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.rig / "keys/id_ed25519"),
            "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            "ansible_python_interpreter": "/usr/bin/python3",
            "lifeboat_application": "shop",
            "lifeboat_cluster": "main",
            "lifeboat_store": {"url": f"file://{self.home}/store"},
            "lifeboat_recovery_key_file": f"{self.home}/key",
            "lifeboat_recovery_state_dir": f"{self.home}/state",
            "lifeboat_recovery_report_dest": f"{self.home}/reports",
            "lifeboat_replication_password": "it's:\\ secret",
            "lifeboat_isolate_break_glass": f"{prefix}.250",
            "lifeboat_isolate_allow": list(self.addresses.values()),
        }
        hosts = {name: {"ansible_host": address} for name, address in self.addresses.items()}
        (self.home / "hosts.json").write_text(json.dumps({"databases": {"hosts": hosts, "vars": variables}}))
        self.play(0, str(CHECKOUT / "tests/campaigns/failover/prepare.yml"))
        self.recover(0, "rejoin", "pg2", "pg1")

    def play(self, code: int, playbook: str, **variables: t.Any) -> str:
        """Run a playbook, whose exit status must be this, and return what it printed."""
        environ = unconfigured() | {
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache/collections"),
            "ANSIBLE_HOME": str(self.home / "ansible"),
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.home),
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [program, "-i", self.home / "hosts.json", playbook, "-e", json.dumps(variables)],
            env=environ,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != code:
            print(done.stdout, done.stderr)
            raise SystemExit(f"{playbook} ended with {done.returncode} and not {code}.")
        return re.sub(r"\s+", " ", done.stdout)

    def recover(self, code: int, plan: str, former: str, successor: str, **more: t.Any) -> str:
        """Run a plan by which one host takes the place of another."""
        began = time.monotonic()
        said = self.play(
            code, "lifeboat.recovery.recover", lifeboat_plan=plan, lifeboat_failover={former: successor}, **more
        )
        print(f"  {plan} {former} -> {successor}: exit {code} after {time.monotonic() - began:.0f} s", flush=True)
        return said

    def fault(self, *words: str) -> None:
        subprocess.run([self.hosts / "fault.sh", *words], check=True)

    def rows(self, host: str) -> set[int]:
        where = f"host={self.addresses[host]} dbname=shop user=writer password=writer"
        with psycopg.connect(where) as connection:
            return {number for (number,) in connection.execute("SELECT id FROM public.orders").fetchall()}

    def same(self, primary: str, standby: str) -> None:
        """Wait until the standby has what the primary has."""
        wanted = self.rows(primary)
        for _attempt in range(60):
            if self.rows(standby) == wanted:
                return
            time.sleep(0.5)
        self.expect(f"{standby} has the rows of {primary}", False)

    def facts(self, step: str) -> dict[str, t.Any]:
        """Return what the newest recovery's journal keeps of a step that ended well."""
        [*_older, newest] = sorted(
            (self.home / "state/recoveries").rglob("*.jsonl"), key=lambda path: path.stat().st_mtime
        )
        found: dict[str, t.Any] = {}
        for line in newest.read_text().splitlines():
            event = json.loads(base64.b64decode(json.loads(line)["payload"]))
            if event["kind"] == "end" and event["what"]["step"] == step and event["what"]["result"] == "ok":
                found = event["what"]["facts"]
        return found

    def expect(self, what: str, holds: bool) -> None:
        print(f"  {'ok' if holds else 'WRONG'}: {what}", flush=True)
        if not holds:
            self.wrong.append(what)

    def near(self, what: str, told: int, real: int) -> None:
        self.expect(f"{what}: told {told}, lost {real}", abs(told - real) <= OUGHT * real)

    def unchanged(self, said: str) -> None:
        changed = re.findall(r"(\S+) : ok=\d+ changed=(\d+)", said)
        self.expect(f"nothing was changed: {changed}", all(count == "0" for _host, count in changed))


def main() -> int:
    rig, hosts = map(Path, sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="lifeboat-campaign-") as home:
        campaign = Campaign(rig, hosts, Path(home))
        print("Preparing", flush=True)
        campaign.prepare()
        first = _power_loss(campaign)
        first = _switchovers(campaign, first)
        _fence(campaign, first)
    for what in campaign.wrong:
        print(f"WRONG: {what}")
    return 1 if campaign.wrong else 0


def _power_loss(campaign: Campaign) -> int:
    print("Power loss of pg1, which pg2 could not hear before", flush=True)
    writer = Writer([campaign.addresses["pg1"]], 0)
    writer.wait_for(500)
    campaign.fault("partition", "pg2", "pg1")
    writer.wait_for(1000)
    campaign.fault("powercut", "pg1")
    acknowledged = writer.end()
    campaign.fault("heal", "pg2")
    said = campaign.recover(2, "region_failover", "pg1", "pg2")
    campaign.expect(
        "an unverified primary needs an approval", '"lifeboat_approve": ["promote"]' in said.replace("\\", "")
    )
    campaign.recover(0, "region_failover", "pg1", "pg2", lifeboat_approve=["promote"])
    kept = campaign.facts("promote")
    print(f"  {kept}")
    campaign.expect("the journal has the timeline", kept.get("pg2 timeline") == 2)
    campaign.unchanged(campaign.recover(0, "region_failover", "pg1", "pg2", lifeboat_approve=["promote"]))
    lost = len(acknowledged - campaign.rows("pg2"))
    print(f"  {len(acknowledged)} acknowledged, {lost} lost")
    campaign.expect("something was lost", lost > 0)
    campaign.fault("poweron", "pg1")
    _reachable(campaign, "pg1")
    said = campaign.recover(2, "rejoin", "pg1", "pg2")
    campaign.near("rejoin, before anything is changed", _transactions(said), lost)
    campaign.recover(0, "rejoin", "pg1", "pg2", lifeboat_approve=["standby"])
    kept = campaign.facts("standby")
    print(f"  {kept}")
    campaign.expect("pg_rewind did it", kept.get("pg1 method") == "rewind")
    campaign.near("the journal", int(kept.get("pg1 discarded_transactions", -1)), lost)
    campaign.same("pg2", "pg1")
    again = campaign.recover(0, "rejoin", "pg1", "pg2", lifeboat_recovery_id="new")
    campaign.unchanged(re.sub(r"lifeboat-controller : ok=\d+ changed=\d+", "", again))
    return max(acknowledged)


def _switchovers(campaign: Campaign, first: int) -> int:
    for former, successor in (("pg2", "pg1"), ("pg1", "pg2")):
        print(f"Switchover from {former} to {successor} under writes", flush=True)
        before = campaign.rows(former)
        writer = Writer(list(campaign.addresses.values()), first)
        writer.wait_for(200)
        campaign.recover(0, "fail_back", former, successor)
        writer.wait_for(200)
        acknowledged = writer.end()
        first = max(acknowledged) + 1
        lost = len((acknowledged | before) - campaign.rows(successor))
        campaign.expect(
            f"{len(acknowledged)} acknowledged, {lost} lost, {writer.longest:.1f} s without a commit", not lost
        )
        campaign.expect("the data stayed as they were", campaign.facts("standby").get(f"{former} method") == "none")
        campaign.same(successor, former)
    return first


def _fence(campaign: Campaign, first: int) -> None:
    print("Fence of pg2, which pg1 could not hear before, and a copy", flush=True)
    before = campaign.rows("pg2")
    writer = Writer([campaign.addresses["pg2"]], first)
    writer.wait_for(100)
    campaign.fault("partition", "pg1", "pg2")
    writer.wait_for(400)
    said = campaign.recover(2, "region_failover", "pg2", "pg1")
    lost = len((writer.end() | before) - campaign.rows("pg1"))
    campaign.near("region_failover, before the promotion", _transactions(said), lost)
    campaign.recover(0, "region_failover", "pg2", "pg1", lifeboat_approve=["promote"])
    kept = campaign.facts("promote")
    campaign.near("the journal", int(kept.get("pg1 lost_transactions", -1)), lost)
    campaign.expect("the former primary stays down", kept.get("pg1 former_primary") == "stays down")
    campaign.fault("heal", "pg1")
    asked = {"lifeboat_approve": ["standby"], "lifeboat_standby_method": "copy"}
    campaign.recover(0, "rejoin", "pg2", "pg1", **asked)
    kept = campaign.facts("standby")
    campaign.expect(f"it was copied: {kept}", kept.get("pg2 method") == "copy" and bool(kept.get("pg2 kept")))
    campaign.same("pg1", "pg2")


def _transactions(said: str) -> int:
    """Return how many transactions a message says that a former primary has, -1 if it says nothing of it."""
    found = re.search(r" has ([\d,]+) transactions? ", said)
    return int(found[1].replace(",", "")) if found else -1


def _reachable(campaign: Campaign, host: str) -> None:
    campaign.play(0, str(CHECKOUT / "tests/campaigns/failover/reachable.yml"), reachable=host)


if __name__ == "__main__":
    sys.exit(main())
