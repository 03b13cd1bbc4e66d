# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The role over a real ssh: rules that let a new connection through stay, and rules that lock us out are undone.

systemd is what these hosts lack: programs of the same names arm a timer, and stop it. That its real timers do the same
is tried on real hosts.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest
from environment import unconfigured
from isolate_fixtures import HOST, POSTGRESQL, echoes
from playing import COLLECTIONS

if t.TYPE_CHECKING:
    from isolate_fixtures import Network

SSHD = 22
SYSTEMD_RUN = f"""#!{sys.executable} -I
import os, sys, time
options = dict(each.split("=", 1) for each in sys.argv[1:] if each.startswith(("--unit=", "--on-active=")))
argv = next(sys.argv[place:] for place, each in enumerate(sys.argv) if place and not each.startswith("--"))
timer = os.path.join(os.path.dirname(__file__), options["--unit"] + ".timer")
child = os.fork()
if child == 0:
    os.setsid()
    for handle in range(3):
        os.dup2(os.open(os.devnull, os.O_RDWR), handle)
    time.sleep(float(options["--on-active"].removesuffix("s")))
    os.spawnvp(os.P_WAIT, argv[0], argv)
    os.unlink(timer)
    os._exit(0)
with open(timer, "w") as file:
    file.write(str(child))
"""
SYSTEMCTL = f"""#!{sys.executable} -I
import os, signal, sys
timer = os.path.join(os.path.dirname(__file__), next(each for each in sys.argv if each.endswith(".timer")))
if not os.path.exists(timer):
    sys.exit(5 if sys.argv[1] == "stop" else 3)
if sys.argv[1] == "stop":
    with open(timer) as file:
        os.kill(int(file.read()), signal.SIGKILL)
    os.unlink(timer)
"""
PLAY = """
- hosts: db1
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: lifeboat.recovery.isolate
        tasks_from: "{{ item }}"
        rolespec_validate: false
      loop: "{{ parts }}"
"""


class Reached:
    """The host with an sshd, and plays that reach it from the rest of the world."""

    def __init__(self, network: Network, home: Path, stack: contextlib.ExitStack) -> None:
        self.network, self.home = network, home
        self._key(home / "key")
        self._key(home / "host_key")
        for name, program in (("systemd-run", SYSTEMD_RUN), ("systemctl", SYSTEMCTL)):
            path = home / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(program)
            path.chmod(0o755)
        settings = {
            "Port": SSHD,
            "HostKey": home / "host_key",
            "AuthorizedKeysFile": home / "key.pub",
            "PermitRootLogin": "yes",
            "StrictModes": "no",
            "UsePAM": "no",
            "PidFile": "none",
            "SetEnv": f"PATH={home}/bin:{os.environ['PATH']}:/usr/sbin:/sbin",
        }
        (home / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        Path("/run/sshd").mkdir(exist_ok=True)
        argv = ["ip", "netns", "exec", network.host.name, "/usr/sbin/sshd", "-D", "-e", "-f", str(home / "sshd_config")]
        log = stack.enter_context((home / "sshd.log").open("wb"))
        sshd = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        stack.callback(sshd.wait)
        stack.callback(sshd.terminate)
        # Its sockets have long names, and a socket's name is short.
        self.sockets = Path(tempfile.mkdtemp(prefix="lifeboat-"))
        stack.callback(shutil.rmtree, self.sockets)
        stack.callback(self._close)

    @property
    def armed(self) -> bool:
        return (self.home / "bin/lifeboat-isolate-undo.timer").exists()

    def play(self, *parts: str, **given: t.Any) -> subprocess.CompletedProcess[str]:
        variables = {
            "lifeboat_application": "shop",
            "lifeboat_store": {"url": "file:///nowhere"},
            "lifeboat_isolate_break_glass": "192.0.2.99",
            "ansible_host": HOST,
            "ansible_port": SSHD,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.home / "key"),
            "ansible_python_interpreter": sys.executable,
            "isolate_systemd": "/",
            "isolate_dir": str(self.home / "kept"),
            "isolate_rules_file": str(self.home / "kept.nft"),
            "parts": parts,
            **given,
        }
        (self.home / "play.yml").write_text(PLAY)
        (self.home / "given.json").write_text(json.dumps(variables))
        environ = unconfigured()
        environ |= {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self.home / "ansible"),
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.sockets),
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=/dev/null",
            "LC_ALL": "C.UTF-8",
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        argv = [str(program), "-i", "db1,", "-e", f"@{self.home}/given.json", str(self.home / "play.yml")]
        return subprocess.run(
            ["ip", "netns", "exec", self.network.world.name, *argv],
            env=environ,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _key(self, path: Path) -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)

    def _close(self) -> None:
        for control in self.sockets.iterdir():
            subprocess.run(
                ["ssh", "-o", f"ControlPath={control}", "-O", "exit", HOST], capture_output=True, check=False
            )


@pytest.fixture
def reached(network: Network, tmp_path: Path) -> t.Iterator[Reached]:
    with contextlib.ExitStack() as stack:
        yield Reached(network, tmp_path, stack)


def open_to_all(network: Network) -> bool:
    try:
        with network.world.connected(HOST, POSTGRESQL) as connection:
            return echoes(connection)
    except TimeoutError:
        return False


def test_rules_that_lock_us_out_are_undone_by_themselves(reached: Reached) -> None:
    done = reached.play("look.yml", "rules.yml", lifeboat_isolate_undo_after=4, isolate_connection=["192.0.2.1", SSHD])
    assert done.returncode == 2, done.stdout + done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert "With these rules no new connection to db1 came through." in said
    assert "They were undone after 4 seconds: the host is not isolated." in said
    assert open_to_all(reached.network)
    assert not (reached.home / "kept.nft").exists(), "nothing is loaded at boot that was never confirmed"


@pytest.mark.long
def test_rules_stay_that_another_connection_confirms(reached: Reached) -> None:
    done = reached.play("check.yml", "rules.yml", "look.yml", "rules.yml", lifeboat_isolate_undo_after=20)
    assert done.returncode == 0, done.stdout + done.stderr
    # The directory, the undo, the rules, the end of the undo, and both files; the second time nothing.
    assert "changed=6 " in done.stdout, done.stdout
    assert not reached.armed
    assert not open_to_all(reached.network)
    done = reached.play("look.yml", "rules.yml", lifeboat_isolate_undo_after=3, isolate_connection=["192.0.2.1", SSHD])
    assert done.returncode == 2, done.stdout + done.stderr
    assert "the rules before them are in force" in " ".join((done.stdout + done.stderr).split())
    assert not open_to_all(reached.network), "it was isolated, and stays so"
