# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Drills of a whole fleet, without an argument

The fleet of scenario rebuild is backed up, and its plan full_rebuild is drilled twice on two bare hosts. While the
restored application runs there, it is tried from them, and towards them, what must not be reached, over TCP, UDP and
DNS, IPv4 and IPv6. After each drill nothing of it may be left on its hosts, and production and the recoveries in the
store must be as before. Prints the time of each step, and exits with 1 if anything was not as it must be. Needs root
and the images of the rig.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
import typing as t
import urllib.parse
from pathlib import Path

from fleet import POLL, Fleet, say

BESIDE = Path(__file__).resolve().parent / "drill"
PRODUCTION = ("db2", "web1", "dns1")
BARE = {"spare": 13, "spare2": 19}
"""Where the database and the application are restored, with the last part of their addresses."""

LOST = {"db2": "spare", "web1": "spare2"}
"""Who stands in for whom."""

LAN = "fd89:77::"
"""The hosts have no IPv6 address of their own, so they get some."""

PORT = 7777
"""Where dns1 answers."""

ALWAYS = (
    r"/etc/(passwd|group|shadow|gshadow)-$",  # the state before the last change of it
    r"/root/\.ansible|/var/lib/postgresql/\.ansible",
)
"""What every run of Ansible, and every user that came and went, leaves."""

MADE_BY_PACKAGES = (
    r"/etc/(passwd|group|shadow|gshadow)$|(postgres|ssl-cert):x:",
    r"/etc/(alternatives|ssl|rc.\.d)/|/var/lib/ucf/|/usr/share/man/|/etc/ld\.so\.cache$|/usr/lib/.*/__pycache__",
    r"/etc/locale\.(gen|conf)$|/usr/lib/locale/locale-archive$",
    r"/etc/postgresql-common/(createcluster\.(conf|d)|root\.crt)$|/etc/apt/apt\.conf\.d/02autoremove-postgresql$",
    r"/etc/systemd/system/multi-user\.target\.wants/postgresql\.service$",
)
"""What packages make when they are installed, and the locale that the database needs."""

Try = tuple[str, str, int]


class Campaign(Fleet):
    """The fleet, and what was not as it must be."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.log = self.state / "drill.log"

    def expect(self, what: str, wrong: t.Any) -> None:
        """Tell whether something is as it must be, which it is when nothing is wrong."""
        print(f"  {f'WRONG: {what}: {wrong}' if wrong else f'ok: {what}'}", flush=True)
        if wrong:
            self.wrong.append(what)

    def begins(self, step: str) -> bool:
        """Whether a step of the drill has begun: to ask the host before would only slow it down."""
        return f" {step}]" in self.log.read_text()

    def answers(self) -> bool:
        """Whether the restored application answers where it was restored."""
        return "connected" in self.on("spare2", "curl", "--silent", "--max-time", "2", "http://localhost:8000/health")

    def barred(self) -> dict[str, list[Try]]:
        """Return what no host of a drill may reach, and what may not reach it, by who tries."""
        dns1, here = self.address(18), {host: (self.address(end), f"{LAN}{end}") for host, end in BARE.items()}
        common: list[Try] = [(kind, where, PORT) for kind in ("tcp", "udp") for where in (dns1, f"{LAN}18")]
        common += [
            ("udp", dns1, 53),
            ("udp", dns1, 5353),
            ("udp", self.address(1), 53),
            ("name", "web1.dns.podman", 0),
        ]
        common += [("tcp", self.address(end), port) for end, port in ((12, 5432), (14, 9009), (15, 8000), (18, 22))]
        one, other = BARE
        return {
            one: [*common, ("tcp", here[other][1], 22)],
            other: [*common, ("tcp", here[one][1], 22)],
            "dns1": [("tcp", where, 22) for addresses in here.values() for where in addresses],
        }

    def production(self) -> set[str]:
        """Return what there is of the hosts of production, and of their data and names."""
        rows = "SELECT md5(string_agg(o::text, ',' ORDER BY id)), pg_postmaster_start_time() FROM orders o"
        found = {self.on("db2", "runuser", "-u", "postgres", "--", "psql", "-Atc", rows, "shop")}
        found |= {
            self.on("dns1", "dig", "+short", f"@{self.address(18)}", f"{name}shop.example", "ANY")
            for name in ("", "www.", "db.")
        }
        return found | {f"{host} {line}" for host in PRODUCTION for line in self.host_state(host)}

    def host_state(self, host: str) -> set[str]:
        return set(self.on(host, "sh", "-s", given=(BESIDE / "state.sh").read_text()).splitlines())

    def reached(self, tries: dict[str, list[Try]], *, yes: bool) -> list[str]:
        """Return which of these are reached, or with `yes` false, which are not."""
        program, told = (BESIDE / "reached.py").read_text(), []
        for host, wanted in tries.items():
            answer = self.on(host, "python3", "-", json.dumps(wanted), given=program)
            found = [tuple(one) for one in json.loads(answer)]
            told += [f"{host}: {' '.join(map(str, one))}" for one in wanted if (one in found) == yes]
        return told

    def mirror(self) -> Try:
        """Return where the host of the application gets its packages."""
        sites = self.on("spare2", "apt-get", "indextargets", "--format", "$(SITE)")
        site = urllib.parse.urlsplit(sites.split()[0])
        return "tcp", str(site.hostname), site.port or {"http": 80, "https": 443}[site.scheme]

    def left(self, host: str, before: set[str], *, packages: bool) -> list[str]:
        """Return what is otherwise on a host after a drill; with `packages`, what they brought is no matter."""
        listed = self.on(host, "sh", "-c", "cat /var/lib/dpkg/info/*.list").splitlines() if packages else []
        brought = {f"/usr{path}" if path.startswith("/lib") else path for path in listed}
        usual = re.compile("|".join((*ALWAYS, *(MADE_BY_PACKAGES if packages else ()))))
        found = (line.split(maxsplit=1) for line in sorted(self.host_state(host) ^ before))
        return [f"{kind} {name}" for kind, name in found if name not in brought and not usual.match(name)]


def main() -> int:
    campaign = Campaign()
    say("making the fleet, and backing it up")
    campaign.begin("fleet")
    for host, end in (*BARE.items(), ("dns1", 18)):
        campaign.on(host, "ip", "-6", "address", "add", f"{LAN}{end}/64", "dev", "eth0", "nodad")
    listen = (BESIDE / "listen.py").read_text()
    campaign.on("dns1", "systemd-run", "--quiet", "python3", "-c", listen, str(PORT))
    campaign.expect("without a drill, all that is tried is reached", campaign.reached(campaign.barred(), yes=False))
    for name in ("first", "second"):
        drill(campaign, name)
    campaign.play("destroy")
    for what in campaign.wrong:
        print(f"WRONG: {what}")
    return 1 if campaign.wrong else 0


def drill(campaign: Campaign, name: str) -> None:
    say(f"the {name} drill; {os.cpu_count()} cores, with a load of {os.getloadavg()[0]:.1f}")
    stored, production = campaign.objects(), campaign.production()
    bare = {host: campaign.host_state(host) for host in BARE}
    began = time.monotonic()
    hosts = {lost: {"ansible_host": campaign.address(BARE[other])} for lost, other in LOST.items()}
    with campaign.log.open("w") as output:
        running = campaign.start(
            "lifeboat.recovery.drill", output=output, lifeboat_drill_hosts=hosts, lifeboat_replace={}
        )
    while running.poll() is None and not (campaign.begins("start") and campaign.answers()):
        time.sleep(POLL)
    campaign.expect("the restored application runs", running.returncode is not None)
    if running.returncode is None:
        os.killpg(running.pid, signal.SIGSTOP)  # so that it does not end meanwhile
        campaign.expect("meanwhile nothing barred is reached", campaign.reached(campaign.barred(), yes=True))
        allowed = [("tcp", campaign.address(13), 5432), campaign.mirror()]
        campaign.expect("what is allowed is reached", campaign.reached({"spare2": allowed}, yes=False))
        os.killpg(running.pid, signal.SIGCONT)
    status = running.wait()
    campaign.expect(f"it ended well after {time.monotonic() - began:.0f} s", status and campaign.log.read_text())
    now = campaign.objects()
    report(campaign, set(now) - set(stored))
    campaign.expect("production is as before", sorted(production ^ campaign.production()))
    campaign.expect("what was stored is as it was", [key for key in stored if now.get(key) != stored[key]])
    added = sorted({key.split("/")[2] for key in set(now) - set(stored)})
    campaign.expect(f"nothing but its own records was added: {', '.join(added)}", "recoveries" in added)
    for host, before in bare.items():
        campaign.expect(f"nothing is left on {host}", campaign.left(host, before, packages=name == "first"))


def report(campaign: Campaign, added: set[str]) -> None:
    """Look at what the report tells of the drill that added these objects."""
    (identity,) = {key.split("/")[-2] for key in added if "/drills/recovery-" in key and key.endswith(".lbx")}
    told = campaign.report(lifeboat_recovery_id=identity)
    drilled, steps = told["recovery"], told["steps"]
    for one in steps:
        print(f"    {one['step']}: {one.get('end', {}).get('result')}, {one['seconds']:.0f} s")
    campaign.expect(f"the report tells that it passed: {told['summary']}", drilled["result"] != "ok")
    ended = {one["step"]: (one.get("end", {}).get("result"), one.get("end", {}).get("reason")) for one in steps}
    skipped = dict.fromkeys(("fence_lost", "dns_switch"), ("skipped", "drill"))
    campaign.expect("each step went well", ended != {**dict.fromkeys(ended, ("ok", "")), **skipped} and ended)
    found, planted = drilled["canaries"]["found"], drilled["canaries"]["planted"]
    campaign.expect(f"{found} of {planted} canaries were found", not 0 < planted == found)
    campaign.expect("the hosts were cleared", drilled["torn_down"] != {})


if __name__ == "__main__":
    sys.exit(main())
