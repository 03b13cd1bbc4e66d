# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Every object name of a repository, in one place. These names are signed into the files: they cannot change later.

    <application>/manifests/<component>/<backup_id>.json    written last: a backup exists if and only if this does
    <application>/details/<backup_id>/detail.lbx globals.lbx
    <application>/data/<backup_id>/0001.lbx                 member 1; further volumes are 0001.002.lbx and so on
    <application>/marks/<backup_id>/<kind>-<token>.json     what was said about it since
    <application>/marks/<backup_id>/reading-<token>.json    who reads it at this moment
    <application>/locks/<what>.json                         who is at work on all of them
    <application>/canary/immutability                       what is attacked to prove that the rest cannot be deleted
    <application>/recoveries/<recovery_id>/00000001.lbx     an event of a recovery; of a drill, below drills/
    <application>/outcomes/recoveries/<recovery_id>.json    what came of it, for those who cannot decrypt; likewise
    <application>/wal/<system_identifier>/<timeline>/…      WAL; wal/names.py has the rest of the name
    <application>/recovery-kit/kit.json                     the list of a kit with which a bare host begins a recovery
    <application>/trust/<serial>.json   <application>/keys/…
"""

from __future__ import annotations

import re
import urllib.parse
from datetime import UTC, datetime

from ...drivers.components.base import WHOLE_CLUSTER
from ...ground.errors import UsageError

BACKUP_ID = re.compile(r"backup-\d{8}T\d{6}Z-[0-9a-f]{16}")

SET_MARKS = ("pinned", "hold")
"""The kinds of marks that people set. The others say what this software did."""

PROTECTING_MARKS = ("restore_tested", *SET_MARKS)
"""The kinds of marks for which a backup stays."""

MARK_KINDS = (*PROTECTING_MARKS, "expired")

_MARK = re.compile(rf"({'|'.join(MARK_KINDS)})-([0-9a-f]{{16}})\.json")

_READING = re.compile(r"reading-[0-9a-f]{16}\.json")

RECOVERY_ID = re.compile(r"recovery-\d{8}T\d{6}Z-[0-9a-f]{16}")

RECOVERIES = {"recover": "recoveries", "drill": "drills"}
"""Where the events of each kind of run lie: a drill is never taken for a recovery."""

_EVENT = re.compile(r"[0-9]{8}\.lbx")

_APPLICATION = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def check_application(name: str) -> str:
    """Return `name`. Raise UsageError unless it can be a directory, a prefix and a label everywhere."""
    if not _APPLICATION.fullmatch(name):
        raise UsageError(
            f"The application name {name!r} is invalid.",
            "Use 1 to 63 lower-case letters, digits, dots, underscores and hyphens, beginning with a letter or digit.",
            field="application",
        )
    return name


def backup_id(at: datetime, token: str) -> str:
    """Return the id of a backup begun `at` (UTC); `token` is 16 random hex digits. Ids sort by time."""
    return f"backup-{at:%Y%m%dT%H%M%SZ}-{token}"


def began(identity: str) -> datetime:
    """Return when the backup of that id began, to the second, in UTC. Raise ValueError for what is no id."""
    return datetime.strptime(identity.partition("-")[2][:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def component(cluster: str, database: str) -> str:
    """
    Return the component `<cluster>/<database>` with both parts percent-encoded. Raise UsageError on an empty part.

    A whole cluster's files have a name that no encoding gives.
    """
    if not cluster or not database:
        told = f"The component {cluster}/{database} has an empty part."
        raise UsageError(told, "Set both parts.", field="component")
    return f"{_encoded(cluster)}/{database if database == WHOLE_CLUSTER else _encoded(database)}"


def cluster(name: str) -> str:
    """Return the part of its components that a cluster is."""
    return _encoded(name)


def place(cluster_name: str | None, database: str | None) -> str | None:
    """Return the component that these mean: the cluster's part where no database is named, and None for everything."""
    if cluster_name and database:
        return component(cluster_name, database)
    return cluster(cluster_name) if cluster_name else None


def cluster_and_database(name: str) -> tuple[str, str]:
    """Return the cluster and the database that `component` was made of."""
    cluster, _slash, database = name.partition("/")
    return urllib.parse.unquote(cluster), urllib.parse.unquote(database)


def shown(name: str) -> tuple[str, str]:
    """
    Return cluster and database as people call them; what concerns a whole cluster has no database.

    A name that is encoded in another way than ours stays as it is and is marked: two databases must not share one.
    """
    raw, _slash, encoded = name.partition("/")
    if not raw or not encoded:
        return name, ""
    cluster, database = cluster_and_database(name)
    return (cluster, database) if component(cluster, database) == name else (raw, f"{encoded} (not decoded)")


def manifests(application: str, of: str | None = None) -> str:
    """Return the prefix of all manifests, or of those of one component."""
    return f"{application}/manifests/" + (f"{of}/" if of else "")


def manifest(application: str, of: str, identity: str) -> str:
    """Return the name of a backup's manifest."""
    return f"{manifests(application, of)}{identity}.json"


def parse_manifest(application: str, name: str) -> tuple[str, str] | None:
    """Return component and backup id of a manifest's name, or None when the name is none of ours."""
    parts = name.removeprefix(manifests(application)).split("/")
    if len(parts) != 3 or not parts[2].endswith(".json") or not BACKUP_ID.fullmatch(parts[2][:-5]):
        return None
    return f"{parts[0]}/{parts[1]}", parts[2][:-5]


def member(application: str, identity: str, number: int, volume: int = 1) -> str:
    """Return the name of a volume of a numbered member."""
    return f"{data(application)}{identity}/{number:04d}" + (f".{volume:03d}.lbx" if volume > 1 else ".lbx")


def detail(application: str, identity: str, what: str) -> str:
    """Return the name of the encrypted record `what`: `detail` or `globals`."""
    return f"{details(application)}{identity}/{what}.lbx"


def marks(application: str, identity: str | None = None) -> str:
    """Return the prefix of all marks, or of those of one backup."""
    return f"{application}/marks/" + (f"{identity}/" if identity else "")


def mark(application: str, identity: str, kind: str, token: str) -> str:
    """Return the name of a mark; `token` is 16 random hex digits."""
    return f"{marks(application, identity)}{kind}-{token}.json"


def parse_mark(application: str, name: str) -> tuple[str, str, str] | None:
    """Return backup id, kind and token of a mark's name, or None when the name is none of ours."""
    identity, _slash, last = name.removeprefix(marks(application)).partition("/")
    match = _MARK.fullmatch(last)
    return (identity, match[1], match[2]) if match and BACKUP_ID.fullmatch(identity) else None


def reading(application: str, identity: str, token: str) -> str:
    """Return the name under which somebody says that he reads a backup; `token` is 16 random hex digits."""
    return f"{marks(application, identity)}reading-{token}.json"


def parse_reading(application: str, name: str) -> str | None:
    """Return the backup id of such a name, or None when the name is none."""
    identity, _slash, last = name.removeprefix(marks(application)).partition("/")
    return identity if _READING.fullmatch(last) and BACKUP_ID.fullmatch(identity) else None


def wal(application: str, system_identifier: str = "") -> str:
    """Return the prefix of the write-ahead log of one server, or of all."""
    return f"{application}/wal/" + (f"{system_identifier}/" if system_identifier else "")


def root(application: str) -> str:
    """Return the prefix of everything that belongs to an application."""
    return f"{application}/"


def data(application: str) -> str:
    """Return the prefix of the members, which no listing and no check of a seal has to read: they may lie colder."""
    return f"{application}/data/"


def details(application: str) -> str:
    """Return the prefix of the encrypted records."""
    return f"{application}/details/"


def trust(application: str) -> str:
    """Return the prefix of the trust files."""
    return f"{application}/trust/"


def keys(application: str) -> str:
    """Return the prefix of what opens backups to more keys."""
    return f"{application}/keys/"


def files(application: str, identity: str = "") -> tuple[str, str]:
    """Return the prefixes of what manifests list: the files of one backup, or of all."""
    own = f"{identity}/" if identity else ""
    return data(application) + own, details(application) + own


def canary(application: str) -> str:
    """Return the name of the object that is written to be attacked. Its earlier versions stay as long as their lock."""
    return f"{application}/canary/immutability"


def kit(application: str, name: str = "") -> str:
    """Return the name of a file of the recovery kit, or the prefix of all."""
    return f"{application}/recovery-kit/{name}"


def lock(application: str, what: str) -> str:
    """Return the name of the lock of those who do `what`."""
    return f"{application}/locks/{what}.json"


def recovery_id(at: datetime, token: str) -> str:
    """Return the id of a recovery begun `at` (UTC); `token` is 16 random hex digits. Ids sort by time."""
    return f"recovery-{at:%Y%m%dT%H%M%SZ}-{token}"


def events(application: str, mode: str, identity: str = "") -> str:
    """Return the prefix of the events of one recovery, or of all that were run in this mode."""
    return f"{application}/{RECOVERIES[mode]}/" + (f"{identity}/" if identity else "")


def event(application: str, mode: str, identity: str, number: int) -> str:
    """Return the name of an event."""
    return f"{events(application, mode, identity)}{number:08d}.lbx"


def parse_event(application: str, mode: str, name: str) -> tuple[str, int] | None:
    """Return the recovery and the number of an event's name, or None when the name is none of ours."""
    identity, _slash, last = name.removeprefix(events(application, mode)).partition("/")
    return (identity, int(last[:8])) if _EVENT.fullmatch(last) and RECOVERY_ID.fullmatch(identity) else None


def outcomes(application: str, mode: str) -> str:
    """Return the prefix of what came of the recoveries that were run in this mode."""
    return f"{application}/outcomes/{RECOVERIES[mode]}/"


def outcome(application: str, mode: str, identity: str) -> str:
    """Return the name of what came of a recovery."""
    return f"{outcomes(application, mode)}{identity}.json"


def parse_outcome(application: str, mode: str, name: str) -> str | None:
    """Return the recovery of such a name, or None when the name is none of ours."""
    identity = name.removeprefix(outcomes(application, mode)).removesuffix(".json")
    return identity if name.endswith(".json") and RECOVERY_ID.fullmatch(identity) else None


def parts(application: str) -> tuple[str, ...]:
    """Return the prefixes below which each backup has a directory of its own."""
    return (*files(application), keys(application))


def owner(application: str, name: str) -> str | None:
    """Return the id of the backup that an object below one of `parts` belongs to, or None when it is no backup's."""
    for prefix in parts(application):
        if name.startswith(prefix):
            identity = name.removeprefix(prefix).partition("/")[0]
            return identity if BACKUP_ID.fullmatch(identity) else None
    return None


def _encoded(name: str) -> str:
    # quote() leaves dots alone, and a part that is only dots would mean another directory.
    quoted = urllib.parse.quote(name, safe="")
    return quoted.replace(".", "%2E") if not quoted.strip(".") else quoted
