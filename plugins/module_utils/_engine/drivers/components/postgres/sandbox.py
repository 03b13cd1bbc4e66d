# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The sandbox of programs that run untrusted code: inside, they see only PostgreSQL's programs and its own directories.

bubblewrap creates it from namespaces: no process, network, socket, shared memory or file of the machine is inside, but
for /usr and a few files of /etc that libraries need, all of them read-only. A number that no user has owns what runs
there, without privileges to gain; it has a limit of processes, and is the first to go when memory is short. What is
inside dies with the process that created the sandbox: the kernel ends all of it, however it was detached.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import grp
import os
import pwd
import resource
import shutil
import typing as t

from ....ground import process
from ....ground.errors import ProcessFailed, UsageError

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UIDS = range(60578, 61184)
"""Numbers that neither distributions nor systemd give to anybody."""

TOOLS = {"bwrap": "bubblewrap", **dict.fromkeys(("choom", "prlimit", "setpriv", "unshare"), "util-linux")}
"""The programs that this needs, and the packages that bring them."""

KEYRINGS = "libkeyutils.so.1"

HOME = "/tmp"  # noqa: S108 - in the sandbox, where it is nobody else's
"""The home of whoever is inside."""

MEMORY_FILES = 64 << 20
"""Bytes that HOME and /dev/shm inside may hold: they are memory."""

_NAMESPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")

_ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "java-*", "R")
"""What libraries in /usr lead to: alternatives of libblas, the linker's own, settings of languages of functions."""

_DICTIONARIES = "/var/cache/postgresql/dicts"
"""Where Debian keeps the system's dictionaries; /usr/share/postgresql leads there."""


def require(field: str) -> None:
    """Raise UsageError when this user cannot create the sandbox on this host."""
    if os.geteuid() != 0:
        raise UsageError(
            "A scratch cluster needs root, to run as a user and in a network of its own.",
            "Run with become: true, or set target_db to validate a database that is already restored.",
            field=field,
        )
    for program, package in TOOLS.items():
        if shutil.which(program, path="/usr/bin:/bin") is None:
            raise UsageError(
                f"The program {program} is not installed, and backups are validated in a sandbox only.",
                f"Install {package}, or run playbook lifeboat.recovery.install with lifeboat_validator: true.",
                field=field,
            )


def drop_keyrings(field: str) -> None:
    """
    Give this thread, and what it starts from now on, an empty keyring: possession of one survives a change of user.

    Raise UsageError when the library for it is missing.
    """
    try:
        join = ctypes.CDLL(KEYRINGS).keyctl_join_session_keyring
    except (OSError, AttributeError) as exc:
        raise UsageError(
            f"The library {KEYRINGS} is not installed, and backups are validated in a sandbox only.",
            "Install libkeyutils1, which PostgreSQL's client library also needs.",
            field=field,
        ) from exc
    # Where it is refused, by a container or a kernel without keys, it is refused in the sandbox too.
    join(None)


def is_free(uid: int) -> bool:
    """Whether no user, no group and no process has the number `uid`."""
    with contextlib.suppress(KeyError):
        pwd.getpwuid(uid)
        return False
    with contextlib.suppress(KeyError):
        grp.getgrgid(uid)
        return False
    return uid not in _running()


def command_prefix(
    uid: int,
    programs: str,
    *,
    processes: int,
    writable: Sequence[str] = (),
    visible: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> tuple[str, ...]:
    """
    Return what to put before a command, so that it runs as `uid` in the sandbox.

    `programs` is the directory of PostgreSQL's programs, `processes` how many there may be of this uid. `writable` are
    the directories it may write to, `visible` further paths and what is seen there. `options` are bubblewrap's own.
    """
    limit = _at_most(processes)
    return (
        *("choom", "--adjust", "1000", "--"),
        # Not bubblewrap's own: that sets up a loopback, which takes CAP_NET_ADMIN, and nobody needs one.
        *("unshare", "--net", "--"),
        *("bwrap", *_NAMESPACES, "--hostname", "scratch", "--die-with-parent", *options),
        *("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"),
        *_system(programs),
        *("--proc", "/proc", "--dev", "/dev", "--chdir", "/"),
        *(word for path in (HOME, "/dev/shm") for word in _memory(path)),  # noqa: S108 - its own, of memory
        *(word for path, seen in (visible or {}).items() for word in (*_way_to(path), "--ro-bind", seen, path)),
        *(word for path in writable for word in (*_way_to(path), "--bind", path, path)),
        *("--remount-ro", "/", "--"),
        *("prlimit", f"--nproc={limit}:{limit}", "--core=0:0", "--"),
        *("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"),
        *("--no-new-privs", "--"),
    )


def probe(prefix: Sequence[str], environ: Mapping[str, str], field: str, *, pass_fds: Sequence[int]) -> None:
    """Raise UsageError when no program starts in the sandbox of `prefix`."""
    try:
        process.run([*prefix, "true"], env=environ, pass_fds=pass_fds)
    except ProcessFailed as exc:
        said = str(exc.details.get("stderr", "")).splitlines()
        raise UsageError(
            f"The sandbox of a scratch cluster cannot be created on this host: {said[-1] if said else exc.cause}",
            "A container needs CAP_SYS_ADMIN for it; or validate on a host of group validators.",
            field=field,
        ) from exc


def _system(programs: str) -> list[str]:
    """Return the bindings of what programs need to run at all."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = f"/{name}"
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            words += ["--ro-bind", path, path]
    found = [path for pattern in _ETC for path in sorted(glob.glob(f"/etc/{pattern}"))]
    for path in (*found, _DICTIONARIES):
        words += [*_way_to(path), "--ro-bind-try", path, path]
    if not programs.startswith(("/usr/", "/bin", "/sbin")):
        # Libraries and shared files lie beside the programs, in what was given to `configure --prefix`.
        home = os.path.dirname(programs)
        home = programs if home == "/" else home
        words += [*_way_to(home), "--ro-bind", home, home]
    return words


def _way_to(path: str) -> list[str]:
    """Return the making of the directories above `path`: by itself bubblewrap makes them root's alone."""
    above: list[str] = []
    while (path := os.path.dirname(path)) != "/":
        above = ["--perms", "0755", "--dir", path, *above]
    return above


def _memory(path: str) -> tuple[str, ...]:
    return ("--perms", "1777", "--size", str(MEMORY_FILES), "--tmpfs", path)


def _at_most(processes: int) -> int:
    """Return a limit that may be set here: never above the one that we have ourselves."""
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    return processes if hard == resource.RLIM_INFINITY else min(processes, hard)


def _running() -> set[int]:
    """Return the numbers that processes on this machine run as, or may become."""
    found: set[int] = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/status", encoding="utf-8", errors="replace") as status:
            for line in status:
                if line.startswith(("Uid:", "Gid:")):
                    found.update(map(int, line.split()[1:]))
    return found
