# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The story of drill.sh: drill.py RIG, with the directory of the rig, whose hosts are up."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import typing as t
import urllib.parse
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
REBUILD = CHECKOUT / "molecule/rebuild"
BESIDE = CHECKOUT / "tests/campaigns/drill"
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


class Campaign:
    """A controller with its files in `home`, and what was not as it must be."""

    def __init__(self, rig: Path, home: Path) -> None:
        self.rig, self.home = rig, home
        self.prefix = (rig / "prefix").read_text().strip()
        self.wrong: list[str] = []

    def expect(self, what: str, wrong: t.Any) -> None:
        """Tell whether something is as it must be, which it is when nothing is wrong."""
        print(f"  {f'WRONG: {what}: {wrong}' if wrong else f'ok: {what}'}", flush=True)
        if wrong:
            self.wrong.append(what)

    def start(self, playbook: str, **variables: t.Any) -> subprocess.Popen[bytes]:
        """Begin a playbook in a group of processes of its own. What it says goes to a file of its name."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PG"))}
        environ |= {
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache/collections"),
            "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_INTERPRETER_PYTHON": "/usr/bin/python3",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "true",
            "LC_ALL": "C.UTF-8",
            "LIFEBOAT_RIG": str(self.rig),
            "MOLECULE_EPHEMERAL_DIRECTORY": str(self.home),
            "MOLECULE_PROJECT_DIRECTORY": str(CHECKOUT),
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        with self.log(playbook).open("wb") as output:
            return subprocess.Popen(
                [program, "-i", REBUILD / "inventory/hosts.yml", playbook, "-e", json.dumps(variables)],
                env=environ,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def play(self, playbook: str, **variables: t.Any) -> None:
        if self.start(playbook, **variables).wait():
            raise SystemExit(f"{self.log(playbook).read_text()}\nWRONG: {playbook} failed")

    def log(self, playbook: str) -> Path:
        return self.home / f"{Path(playbook).name}.log"

    def begins(self, step: str) -> bool:
        """Whether a step of the drill has begun: to ask the host before would only slow it down."""
        return f" {step}]" in self.log("lifeboat.recovery.drill").read_text()

    def barred(self) -> dict[str, list[Try]]:
        """Return what no host of a drill may reach, and what may not reach it, by who tries."""
        dns1, here = f"{self.prefix}.18", {host: (f"{self.prefix}.{end}", f"{LAN}{end}") for host, end in BARE.items()}
        common: list[Try] = [(kind, where, PORT) for kind in ("tcp", "udp") for where in (dns1, f"{LAN}18")]
        common += [
            ("udp", dns1, 53),
            ("udp", dns1, 5353),
            ("udp", f"{self.prefix}.1", 53),
            ("name", "web1.dns.podman", 0),
        ]
        common += [
            ("tcp", f"{self.prefix}.{end}", port) for end, port in ((12, 5432), (14, 9009), (15, 8000), (18, 22))
        ]
        one, other = BARE
        return {
            one: [*common, ("tcp", here[other][1], 22)],
            other: [*common, ("tcp", here[one][1], 22)],
            "dns1": [("tcp", where, 22) for addresses in here.values() for where in addresses],
        }

    def stored(self) -> dict[str, str]:
        """Return the objects of the store, by name."""
        argv = [sys.executable, CHECKOUT / "tests/rig/hosts/bucket.py", f"https://{self.prefix}.14:9009"]
        argv += [self.rig / "store", "lifeboat", "--list"]
        listed = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        return dict(line.split(" ", 1) for line in listed.splitlines())

    def production(self) -> set[str]:
        """Return what there is of the hosts of production, and of their data and names."""
        rows = "SELECT md5(string_agg(o::text, ',' ORDER BY id)), pg_postmaster_start_time() FROM orders o"
        found = {on("db2", "runuser", "-u", "postgres", "--", "psql", "-Atc", rows, "shop")}
        found |= {
            on("dns1", "dig", "+short", f"@{self.prefix}.18", f"{name}shop.example", "ANY")
            for name in ("", "www.", "db.")
        }
        return found | {f"{host} {line}" for host in PRODUCTION for line in state(host)}


def on(host: str, *argv: str, given: str = "") -> str:
    """Run a program on a host, from outside, and return what it printed."""
    command = ["podman", "exec", "--interactive", host, *argv]
    return subprocess.run(command, input=given, check=True, stdout=subprocess.PIPE, text=True).stdout


def state(host: str) -> set[str]:
    return set(on(host, "sh", "-s", given=(BESIDE / "state.sh").read_text()).splitlines())


def reached(tries: dict[str, list[Try]], *, yes: bool) -> list[str]:
    """Return which of these are reached, or with `yes` false, which are not."""
    program, told = (BESIDE / "reached.py").read_text(), []
    for host, wanted in tries.items():
        found = [tuple(one) for one in json.loads(on(host, "python3", "-", json.dumps(wanted), given=program))]
        told += [f"{host}: {' '.join(map(str, one))}" for one in wanted if (one in found) == yes]
    return told


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="lifeboat-campaign-") as home:
        campaign = Campaign(Path(sys.argv[1]), Path(home))
        began = time.monotonic()
        campaign.play(str(REBUILD / "fleet.yml"))
        print(f"The fleet is made and backed up: {time.monotonic() - began:.0f} s", flush=True)
        for host, end in (*BARE.items(), ("dns1", 18)):
            on(host, "ip", "-6", "address", "add", f"{LAN}{end}/64", "dev", "eth0", "nodad")
        listener = [
            "podman",
            "exec",
            "--detach",
            "dns1",
            "python3",
            "-c",
            (BESIDE / "listen.py").read_text(),
            str(PORT),
        ]
        subprocess.run(listener, check=True, stdout=subprocess.DEVNULL)
        campaign.expect("without a drill, all that is tried is reached", reached(campaign.barred(), yes=False))
        for name in ("first", "second"):
            drill(campaign, name)
    for what in campaign.wrong:
        print(f"WRONG: {what}")
    return 1 if campaign.wrong else 0


def drill(campaign: Campaign, name: str) -> None:
    print(f"The {name} drill", flush=True)
    stored, production, bare = campaign.stored(), campaign.production(), {host: state(host) for host in BARE}
    began = time.monotonic()
    hosts = {lost: {"ansible_host": f"{campaign.prefix}.{BARE[other]}"} for lost, other in LOST.items()}
    running = campaign.start("lifeboat.recovery.drill", lifeboat_plan="full_rebuild", lifeboat_drill_hosts=hosts)
    while running.poll() is None and not (campaign.begins("start") and answers()):
        time.sleep(0.5)
    campaign.expect("the restored application runs", running.returncode is not None)
    if running.returncode is None:
        os.killpg(running.pid, signal.SIGSTOP)  # so that it does not end meanwhile
        campaign.expect("meanwhile nothing barred is reached", reached(campaign.barred(), yes=True))
        allowed = [("tcp", f"{campaign.prefix}.13", 5432), mirror()]
        campaign.expect("what is allowed is reached", reached({"spare2": allowed}, yes=False))
        os.killpg(running.pid, signal.SIGCONT)
    status = running.wait()
    said = campaign.log("lifeboat.recovery.drill").read_text()
    campaign.expect(f"it ended well after {time.monotonic() - began:.0f} s", status and said)
    now = campaign.stored()
    report(campaign, set(now) - set(stored))
    campaign.expect("production is as before", sorted(production ^ campaign.production()))
    campaign.expect("what was stored is as it was", [key for key in stored if now.get(key) != stored[key]])
    added = sorted({key.split("/")[2] for key in set(now) - set(stored)})
    campaign.expect(f"nothing but its own records was added: {', '.join(added)}", "recoveries" in added)
    for host, before in bare.items():
        campaign.expect(f"nothing is left on {host}", left(host, before, packages=name == "first"))


def answers() -> bool:
    """Whether the restored application answers where it was restored."""
    argv = ["podman", "exec", "spare2", "curl", "--silent", "--max-time", "2", "http://localhost:8000/health"]
    return b"connected" in subprocess.run(argv, capture_output=True, check=False).stdout


def mirror() -> Try:
    """Return where the host of the application gets its packages."""
    site = urllib.parse.urlsplit(on("spare2", "apt-get", "indextargets", "--format", "$(SITE)").split()[0])
    return "tcp", str(site.hostname), site.port or {"http": 80, "https": 443}[site.scheme]


def report(campaign: Campaign, added: set[str]) -> None:
    """Look at what the report tells of the drill that added these objects."""
    (identity,) = {key.split("/")[-2] for key in added if "/drills/recovery-" in key and key.endswith(".lbx")}
    campaign.play("lifeboat.recovery.recovery_report", lifeboat_recovery_id=identity)
    told = json.loads((campaign.home / f"report/{identity}.json").read_text())
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


def left(host: str, before: set[str], *, packages: bool) -> list[str]:
    """Return what is otherwise on a host after a drill; with `packages`, what they brought is no matter."""
    listed = on(host, "sh", "-c", "cat /var/lib/dpkg/info/*.list").splitlines() if packages else []
    brought = {f"/usr{path}" if path.startswith("/lib") else path for path in listed}
    usual = re.compile("|".join((*ALWAYS, *(MADE_BY_PACKAGES if packages else ()))))
    found = (line.split(maxsplit=1) for line in sorted(state(host) ^ before))
    return [f"{kind} {name}" for kind, name in found if name not in brought and not usual.match(name)]


if __name__ == "__main__":
    sys.exit(main())
