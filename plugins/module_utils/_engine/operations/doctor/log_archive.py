# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive of the server's log: does it work, will it go on working, and is it of use to a recovery?"""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

from ...drivers.components.postgres import archive_lag, archive_settings, connection, wal_files
from ...drivers.crypto import lbx
from ...ground.errors import NotFound, RecoveryError, StoreError, Tampered
from ...ground.host_state import WAL_SETTINGS
from ...ground.units import human_count, human_duration
from ...records.recovery import objectives
from ...records.wal import names
from ...records.wal import settings as wal_settings
from .check import Case, Check, failed, ok, refused, warning
from .keys import SOON

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...drivers.components.postgres.archive_settings import ArchiveSettings
    from ...records.repository.catalogue import Repository
    from ...records.wal.settings import WalSettings

_ARCHIVING = "Run playbook lifeboat.recovery.archiving for this host."
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def examine(case: Case) -> Iterator[Check]:
    """Yield what there is to say, on a host whose log is archived or was to be."""
    login = case.request.login
    if login is None:
        return
    with contextlib.closing(connection.connect_server(login, read_only=True)) as session:
        told = archive_settings.read(session)
        lag = archive_lag.look(session) if told.monitors else None
    program, place = told.program(case.request.cluster), _place(case)
    if not program and (told.command in archive_settings.NOTHING or not os.path.isdir(place)):
        return  # nobody set it up, or somebody ended it
    yield from _command(case, told, program)
    if not told.in_recovery:
        yield from _progress(case, told, lag)
    yield from _files(case, told, place)
    yield from _signer(case, told, lag)
    yield from _timeout(case, told)
    yield from _slots(told, lag)


def _place(case: Case) -> str:
    return os.path.dirname(WAL_SETTINGS.path(case.request.config_dir, cluster=case.request.cluster))


def _command(case: Case, told: ArchiveSettings, program: str) -> Iterator[Check]:
    cluster = case.request.cluster
    if not program:
        yield failed(
            "archiving",
            f"Something else archives the log of {cluster}: its archive_command or archive_library is another.",
            "Run playbook lifeboat.recovery.archiving with lifeboat_wal_replace_archive_command: true, or with "
            "lifeboat_wal: false if that is meant.",
        )
    elif told.mode == "off":
        yield failed(
            "archiving",
            f"The log of cluster {cluster} is not archived until its server is restarted: archive_mode is off.",
            "Restart it, or run playbook lifeboat.recovery.archiving with lifeboat_restart_postgres: true.",
        )
    elif not os.access(program, os.X_OK):
        yield failed(
            "archiving",
            f"archive_command runs {program}, which is missing or not executable.",
            "Run playbook lifeboat.recovery.install, then lifeboat.recovery.archiving, for this host.",
        )


def _progress(case: Case, told: ArchiveSettings, lag: Mapping[str, t.Any] | None) -> Iterator[Check]:
    if told.mode == "off" or not told.program(case.request.cluster):
        return
    if lag is None:
        yield warning(
            "archiving",
            f"The role {told.user} may not see how far the archive is behind.",
            "Run playbook lifeboat.recovery.install for this host, which makes it a member of pg_monitor.",
        )
        return
    facts = {name: lag[name] for name in ("waiting", "waiting_seconds", "last_archived_wal", "last_failed_wal")}
    problems = [*archive_lag.problems(lag)]
    for problem in problems:
        yield failed(
            "archiving", problem, f"{_ARCHIVING} It tries what the server does, and shows what that says.", **facts
        )
    if not problems and not lag["last_archived_wal"]:
        yield warning("archiving", "The server has not archived anything yet.", _ARCHIVING, **facts)
    elif not problems:
        waiting = human_count(lag["waiting"], "file")
        yield ok("archiving", f"The log is archived up to {lag['last_archived_wal']}; {waiting} waiting.", **facts)


def _files(case: Case, told: ArchiveSettings, place: str) -> Iterator[Check]:
    """Look at what the server's user has, where this one may: as root, or as that user."""
    if not os.access(place, os.R_OK | os.X_OK):
        return
    try:
        written = wal_settings.read(case.request.config_dir, case.request.cluster)
    except RecoveryError as exc:
        yield failed("archive_files", exc.cause, exc.remedy or _ARCHIVING)
        return
    found = [*_of_server(written, told), *(check for path in _secrets(written) for check in _secret(path, place))]
    yield from found
    if not found:
        yield ok("archive_files", f"{written.path} is of this server, and its keys are its user's alone.")


def _of_server(written: WalSettings, told: ArchiveSettings) -> Iterator[Check]:
    if told.data_directory and os.path.realpath(written.data_directory) != os.path.realpath(told.data_directory):
        yield failed(
            "archive_files",
            f"{written.path} is of the server in {written.data_directory}, and this one is in {told.data_directory}: "
            "nothing is archived from there.",
            _ARCHIVING,
        )
    if written.system_identifier != told.system_identifier:
        yield failed(
            "archive_files",
            f"{written.path} is of the server {written.system_identifier}, and this one is {told.system_identifier}.",
            f"{_ARCHIVING} After an upgrade or a new cluster, make a physical backup too.",
        )


def _secrets(written: WalSettings) -> list[str]:
    keys = written.keys
    paths = (keys.signer_file, keys.digest_key_file, keys.recovery_key_file, written.store.credentials_file)
    return [path for path in paths if path]


def _secret(path: str, place: str) -> Iterator[Check]:
    try:
        state, owner = os.stat(path), os.stat(place).st_uid
    except OSError as exc:
        yield failed("archive_files", f"{path} cannot be checked: {exc.strerror}.", _ARCHIVING, path=path)
        return
    if state.st_mode & _OTHERS:
        yield failed(
            "archive_files",
            f"{path} is accessible to users other than its owner (mode {stat.S_IMODE(state.st_mode):04o}).",
            f"Run chmod 0600 {path}, and consider who may have read it.",
            path=path,
        )
    elif state.st_uid != owner:
        yield failed("archive_files", f"{path} does not belong to the user of the server.", _ARCHIVING, path=path)


def _signer(case: Case, told: ArchiveSettings, lag: Mapping[str, t.Any] | None) -> Iterator[Check]:
    """Look whether who signed the last file that was stored may go on: its key is not ours to see."""
    opened = case.opened
    if opened is None or lag is None or opened.trusted_keys.trust is None:
        return
    try:
        signer = _last_signer(opened, told, str(lag["last_archived_wal"] or ""))
    except Tampered as exc:
        yield refused("archive_signer", exc)
        return
    except (StoreError, NotFound):  # a host that may only write
        return
    scope, now = names.scope(told.system_identifier), case.world.now()
    own = [one for one in opened.trusted_keys.trust.signers if one.public == signer and one.covers(scope)]
    if signer in opened.trusted_keys.roots or signer is None:
        return
    if signer not in opened.trusted_keys.record_signers(scope, now):
        yield failed(
            "archive_signer",
            f"The trust file does not let the signer of {lag['last_archived_wal']} sign the log of this server now.",
            f"{_ARCHIVING} It issues a trust file with the recovery key. See docs/keys.md if the key was retired.",
        )
        return
    ends = [one.until for one in own if one.until]
    if ends and min(ends) - now < SOON:
        left = human_duration((min(ends) - now).total_seconds())
        yield warning("archive_signer", f"The signer of this server's log may sign for {left} more.", _ARCHIVING)
    else:
        yield ok("archive_signer", "The signer of this server's log is trusted.")


def _last_signer(opened: Repository, told: ArchiveSettings, last: str) -> bytes | None:
    try:
        file = wal_files.parse(last)
    except ValueError:
        return None
    name = names.name(opened.application, told.system_identifier, file)
    head, _rest = lbx.read_head(opened.store.get(name, 0, lbx.HEAD_LIMIT))
    return head.signer


def _timeout(case: Case, told: ArchiveSettings) -> Iterator[Check]:
    wanted = objectives.strictest(case.request.objectives, "rpo", objectives.DATABASE)
    if not told.timeout:
        yield warning(
            "archive_timeout",
            "archive_timeout is 0: what is in a segment that is not full can be lost, however old it is.",
            "Set lifeboat_archive_timeout, such as 5m, and run playbook lifeboat.recovery.archiving.",
        )
    elif wanted is not None and told.timeout >= wanted:
        yield warning(
            "archive_timeout",
            f"archive_timeout is {human_duration(told.timeout)}, and lifeboat_objectives allows the loss of "
            f"{human_duration(wanted)}.",
            "Set a shorter lifeboat_archive_timeout, and run playbook lifeboat.recovery.archiving.",
        )
    else:
        yield ok("archive_timeout", f"A segment is archived after {human_duration(told.timeout)} at the latest.")


def _slots(told: ArchiveSettings, lag: Mapping[str, t.Any] | None) -> Iterator[Check]:
    found = lag["slots"] if lag else []
    for slot in found:
        if slot["status"] in {"unreserved", "lost"}:
            yield warning(
                "replication_slots",
                f"The replication slot {slot['name']} lost, or is about to lose, what it needs of the log.",
                "Build anew what reads it, or drop the slot if nobody needs it.",
                slot=slot["name"],
            )
    if told.slots and told.keeps < 0:
        yield warning(
            "replication_slots",
            "max_slot_wal_keep_size is -1, and the server has replication slots: one that nobody reads fills the disk.",
            "Set it to what the disk of pg_wal can spare, with ALTER SYSTEM, and reload the server.",
        )
    elif not any(slot["status"] in {"unreserved", "lost"} for slot in found):
        yield ok("replication_slots", f"{human_count(told.slots, 'replication slot')}; none can fill the disk.")
