# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A recovery in which one thing after the other goes wrong: bad_nights.py [--only NIGHT ...] [--apart] [--built]

The fleet of scenario rebuild loses its databases and its web application. On bare hosts its recovery begins, something
goes wrong, and the run has to end with a cause and with what to do. Then the cause is removed, and the same command has
to go on, until the next thing goes wrong. No step that ended well may begin again, the journal must tell all of it, on
the controller and in the store, and in the end verify.yml of the scenario must pass. Prints a line for each night, and
exits with 1 if one failed. With --apart each night has a recovery of its own, on hosts that are bare again; with
--built the fleet of the run before is used. Needs root and the images of the rig.
"""

from __future__ import annotations

import argparse
import re
import secrets
import sys
import typing as t

from fleet import Fleet, say

if t.TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTES = 40
"""Of the database; a restore of it has a middle."""


class Bad(Exception):
    """Something is not as it must be."""


class Recovery:
    """A recovery of the fleet, which begins with the first run that is not refused."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._others = self._newest()
        self.given: dict[str, t.Any] = {}
        """What the next run is given, and no other."""

    def run(
        self,
        step: str = "",
        act: Callable[[], object] = lambda: None,
        when: Callable[[], bool] = lambda: True,
        **variables: t.Any,
    ) -> tuple[int, str]:
        """Go on with it, and act once this run has begun a step and something else holds."""
        before = self.told()

        def reached() -> bool:
            return bool(step) and self._begun(step, before) and when()

        given = self.given | variables | ({} if before else {"lifeboat_recovery_id": "new"})
        self.given = {}
        ended = self.fleet.recover(reached, act, **given)
        self.require_true(before)
        return ended

    def killed(self, step: str, delay: float) -> None:
        """Go on with it, and kill the controller so many seconds after this run has begun a step."""
        before = self.told()
        given = {} if before else {"lifeboat_recovery_id": "new"}
        struck = self.fleet.killed(lambda: ["begun"] if self._begun(step, before) else [], set(), delay, **given)
        require(struck, "it ended before it was killed")
        self.require_true(before)

    def failed(self, ended: tuple[int, str], step: str, cause: str, remedy: str) -> None:
        """Require that a run failed in a step, by a cause and with what to do, and that the journal says so."""
        told, kept = self.told(), self._last_said()
        refused(ended, cause, remedy)
        last = [event for event in told if event.startswith("end ")][-1]
        right = last.startswith(f"end {step} ") and last.endswith(" failed") and "leave failed" in told[-2:]
        require(right, f"the journal ends with {told[-4:]}")
        require(re.search(cause, kept) is not None, f"the journal says of the failure: {kept}")
        say(f"  {kept}")

    def require_true(self, before: list[str]) -> None:
        """Require that a run added to the journal, and began nothing that had ended well."""
        told = self.told()
        require(told[: len(before)] == before, "the journal lost something")
        settled = {event.split()[1] for event in before if re.match(r"end .* (ok|skipped)$", event)}
        again = {event.split()[1] for event in told[len(before) :] if event.startswith("begin ")} & settled
        require(not again, f"ended well, and begun again: {', '.join(sorted(again))}")

    def end(self) -> str:
        """Go on to the end, and return what is told of it."""
        code, said = self.run()
        require(code == 0, f"the last run ended with {code}:\n{said}")
        told = self.told()
        require("close ok" in told[-2:], f"the journal ends with {told[-2:]}")
        stored = sum(f"/recoveries/{self._newest()}/" in name for name in self.fleet.objects())
        require(stored == len(told), f"the store has {stored} of {len(told)} events")
        self.fleet.play("verify")
        return f"{len(told)} events, all of them in the store; {sum(event.startswith('open') for event in told)} runs"

    def told(self) -> list[str]:
        return [] if self._newest() == self._others else self.fleet.told()

    def _begun(self, step: str, before: list[str]) -> bool:
        return any(event.startswith(f"begin {step} ") for event in self.told()[len(before) :])

    def _newest(self) -> str:
        return next((event["recovery_id"] for event in self.fleet.events()), "")

    def _last_said(self) -> str:
        ends = [event["what"] for event in self.fleet.events() if event["kind"] == "end"]
        said = [ends[-1]["reason"], *(f"{host}: {text}" for host, text in ends[-1]["hosts"].items())]
        return " ".join(filter(None, said))


def main() -> int:
    parser = argparse.ArgumentParser(description="Let things go wrong in a recovery.")
    parser.add_argument("--only", nargs="*", choices=NIGHTS, default=list(NIGHTS), metavar="NIGHT")
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--built", action="store_true")
    options = parser.parse_args()
    fleet = Fleet()
    if not options.built:
        say("making the fleet")
        fleet.begin("fleet", fleet_megabytes=MEGABYTES)
        fleet.play("lifeboat.recovery.backup", lifeboat_max_age="1s")
        fleet.play("lifeboat.recovery.validate")
        fleet.play("lose")
    try:
        for names in [[name] for name in options.only] if options.apart else [options.only]:
            fleet.bare()
            disk(fleet)
            recovery = Recovery(fleet)
            for name in names:
                say(name)
                NIGHTS[name](recovery)
                say(f"{name}: ok")
            say(f"ended well, and verified: {recovery.end()}")
    except Bad as exc:
        say(f"WRONG: {exc}")
        return 1
    fleet.play("destroy")
    return 0


def require(holds: bool, otherwise: str) -> None:
    """Raise Bad unless something holds."""
    if not holds:
        raise Bad(otherwise)


def refused(ended: tuple[int, str], cause: str, remedy: str) -> None:
    """Require that a run ended with a cause and with what to do."""
    code, said = ended
    # ansible-playbook ends with 4 where a host was lost.
    require(code in (2, 4), f"the run ended with {code}:\n{said}")
    for what in (cause, remedy):
        require(re.search(what, re.sub(r"\s+", " ", said)) is not None, f"the run does not say {what!r}:\n{said}")


def disk(fleet: Fleet) -> None:
    """Give the spare for the databases a small disk, which loses everything when the host is rebooted."""
    fleet.fault("small", "spare", "/var/lib/postgresql", "600m")


def reading(fleet: Fleet) -> bool:
    """Whether the spare for the databases reads from the store at this moment."""
    return bool(fleet.on("spare", "ss", "-Htn", "state", "established", "dst", fleet.address(14)).strip())


def wrong_key(recovery: Recovery) -> None:
    key = recovery.fleet.state / "another.key"
    key.touch(0o600)
    key.write_text(f"{secrets.token_hex(32)}\n")
    ended = recovery.run(lifeboat_recovery_key_file=str(key))
    refused(ended, "none is signed by the key at hand", "lifeboat_recovery_key_file")
    require(not recovery.told(), "a recovery began")


def target_rebooted(recovery: Recovery) -> None:
    fleet = recovery.fleet

    def unpacking() -> bool:
        return bool(fleet.on("spare", "pgrep", "--exact", "dpkg"))

    def reboot() -> None:
        fleet.fault("powercut", "spare")
        fleet.fault("poweron", "spare")
        disk(fleet)

    recovery.failed(recovery.run("provision", reboot, unpacking), "provision", "db2", "same command|again")


def controller_killed(recovery: Recovery) -> None:
    recovery.killed("install", 15)
    require(recovery.told()[-1] == "begin install 1", f"the journal ends with {recovery.told()[-2:]}")


def newest_corrupt(recovery: Recovery) -> None:
    fleet = recovery.fleet
    found = (re.search(r"(?<=/manifests/db2/shop/)backup-[^./]+", name) for name in fleet.objects())
    older, newest = sorted(one[0] for one in found if one)[-2:]
    member = next(name for name in fleet.objects() if name.endswith(f"/data/{newest}/0002.lbx"))
    fleet.flip(member)
    try:
        recovery.failed(recovery.run(), "restore", newest, rf"\(lifeboat_restore_from\)\s+to\s+{older}")
        points = {point["backup_id"] for each in fleet.events() for point in each["what"].get("points", {}).values()}
        require(points == {newest}, f"the recovery points were {points}")
    finally:
        fleet.flip(member)
    recovery.given = {"lifeboat_restore_from": older}


def disk_full(recovery: Recovery) -> None:
    fleet, filled = recovery.fleet, "/var/lib/postgresql/filled"

    def fill() -> None:
        free = int(fleet.on("spare", "df", "--output=avail", "--block-size=1M", filled.rpartition("/")[0]).split()[-1])
        fleet.on("spare", "fallocate", "--length", f"{free - 4}M", filled)

    fleet.fault("slow", "store", "8mbit")
    ended = recovery.run("restore", fill, lambda: reading(fleet))
    fleet.fault("heal", "store")
    fleet.on("spare", "rm", filled)
    recovery.failed(ended, "restore", "space|disk", "space|disk")


def store_cut_off(recovery: Recovery) -> None:
    fleet = recovery.fleet

    fleet.fault("slow", "store", "2mbit")
    ended = recovery.run("restore", lambda: fleet.fault("isolate", "store"), lambda: reading(fleet))
    fleet.fault("rejoin", "store")
    fleet.fault("heal", "store")
    recovery.failed(ended, "restore", "cannot be reached", "Check network")


def dns_down(recovery: Recovery) -> None:
    fleet = recovery.fleet
    ended = recovery.run("check", lambda: fleet.on("dns1", "systemctl", "stop", "named"))
    fleet.on("dns1", "systemctl", "start", "named")
    recovery.failed(ended, "dns_switch", r"shop\.example|DNS", "again|DNS")


NIGHTS: dict[str, Callable[[Recovery], None]] = {
    night.__name__: night
    for night in (wrong_key, target_rebooted, controller_killed, newest_corrupt, disk_full, store_cut_off, dns_down)
}

if __name__ == "__main__":
    sys.exit(main())
