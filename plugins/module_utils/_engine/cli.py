# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The program `lifeboat`: what must start fast, or run without Ansible.

    lifeboat status [--json] [--directory DIR]
    lifeboat health [--json] [--check NAME]
    lifeboat config [--json]
    lifeboat decrypt FILE --output OUT --key-file KEY [--trust FILE] [--root HEX] [--signer HEX] [--name NAME]
    lifeboat wal-push CLUSTER PATH
    lifeboat wal-fetch CLUSTER NAME PATH [--key-file KEY]
    lifeboat wal-stream CLUSTER [--check]

Neither ansible nor boto3 is ever imported here, and what a subcommand needs is imported when it runs. The exit status
says what went wrong; see errors.py.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import typing as t

from .ground import host_state, status
from .ground.errors import NotFound, RecoveryError, StoreError, UsageError
from .ground.printing import printable_lines

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .drivers.crypto.local_keys import LocalKeys
    from .records.host.settings import HostSettings

CONFIG_DIR = "/etc/lifeboat"

KEY_VARIABLE = "BACKUP_ENCRYPTION_KEY"

INTERRUPTED = 130
"""The exit status of a program that Ctrl-C ended, as shells have it."""

HEALTH = {"ok": 0, "warning": 1, "failed": 2}
"""The exit status of `health`, as monitoring systems expect it."""


def main(
    argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None, config_dir: str = CONFIG_DIR
) -> int:
    """
    Run the program and return its exit status. Without arguments, those of this process count.

    `config_dir` is where the host's settings are unless --config-dir says otherwise.
    """
    options = _parser(config_dir).parse_args(argv)
    try:
        return int(options.run(options, os.environ if environ is None else environ))
    except RecoveryError as exc:
        sys.stderr.write(f"lifeboat: {exc}\n")
        return exc.exit_code
    except BrokenPipeError:
        # The reader went away, as `head` does. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser(config_dir: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lifeboat", description="Show and decrypt backups without Ansible.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    here = argparse.ArgumentParser(add_help=False)
    here.add_argument("--json", action="store_true", help="for machines")
    here.add_argument("--config-dir", default=config_dir, help="directory with this host's settings (%(default)s)")
    shown = commands.add_parser("status", parents=[here], help="show running operations and the last runs")
    shown.add_argument("--directory", help="directory with the status files")
    shown.set_defaults(run=_status)
    health = commands.add_parser("health", parents=[here], help="check that backup and restore would work")
    health.add_argument("--check", action="append", default=[], metavar="NAME", help="run only this check; repeatable")
    health.set_defaults(run=_health)
    settings = commands.add_parser("config", parents=[here], help="show this host's settings and their sources")
    settings.set_defaults(run=_config)
    opened = commands.add_parser("decrypt", help="decrypt one stored file", description=_DECRYPT, epilog=_KEYS)
    opened.add_argument("file", metavar="FILE", help="the .lbx file, or - for standard input")
    opened.add_argument(
        "--output",
        "-o",
        required=True,
        metavar="OUT",
        help="a file to create, or -",
    )
    opened.add_argument("--key-file", metavar="KEY", help="file with a recovery key or an opening key")
    opened.add_argument("--trust", metavar="FILE", help="the application's trust file, as stored")
    opened.add_argument("--root", action="append", default=[], metavar="HEX", help="public key of a root")
    opened.add_argument("--signer", action="append", default=[], metavar="HEX", help="public key of a signer")
    opened.add_argument("--name", metavar="NAME", help="the file's name in the store, which is signed")
    opened.add_argument("--raw", action="store_true", help="do not decompress")
    opened.set_defaults(run=_decrypt)
    pushed = commands.add_parser("wal-push", help="store a file of the write-ahead log, as archive_command")
    pushed.add_argument("cluster", metavar="CLUSTER", help="name of the cluster (lifeboat_cluster)")
    pushed.add_argument("path", metavar="PATH", help="the file, relative to the data directory: %%p of archive_command")
    pushed.set_defaults(run=_wal, command="wal-push", config_dir=config_dir)
    fetched = commands.add_parser("wal-fetch", help="get a file of the write-ahead log, as restore_command")
    fetched.add_argument("cluster", metavar="CLUSTER", help="name of the cluster (lifeboat_cluster)")
    fetched.add_argument("name", metavar="NAME", help="the file: %%f of restore_command")
    fetched.add_argument("path", metavar="PATH", help="where it goes: %%p of restore_command")
    fetched.add_argument("--key-file", metavar="KEY", help="file with a recovery key or an opening key")
    fetched.set_defaults(run=_wal, command="wal-fetch", config_dir=config_dir)
    streamed = commands.add_parser("wal-stream", help="store the write-ahead log as it is written")
    streamed.add_argument("cluster", metavar="CLUSTER", help="name of the cluster (lifeboat_cluster)")
    streamed.add_argument("--check", action="store_true", help="only see whether that would work")
    streamed.set_defaults(run=_wal, command="wal-stream", config_dir=config_dir)
    return parser


_DECRYPT = "Verify, decrypt and decompress one file of a backup."
_KEYS = (
    f"Without --key-file, the environment variable {KEY_VARIABLE} holds the recovery key. A recovery key trusts what "
    "it signed; what a host signed needs --trust or --signer."
)


def _status(options: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    from .records.audit import past_runs  # noqa: PLC0415

    directory = options.directory or host_state.STATUS.folder(_state_dir(options.config_dir))
    now = datetime.datetime.now(datetime.UTC)
    running = status.read_all(directory)
    try:
        past, hidden = past_runs.last(os.path.dirname(os.path.abspath(directory))), ""
    except StoreError as exc:
        past, hidden = [], exc.cause
    if options.json:
        told = {"operations": json.loads(status.to_json(running)), "last_runs": past_runs.records(past)}
        _say(json.dumps(told, indent=2) + "\n")
        return 0
    _say(status.report(running, now))
    if past or hidden:
        _say("\nThe last runs:\n" + (past_runs.report(past, now) or f"{hidden}\n"))
    return 0


def _health(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Examine this host. What keeps it from being examined is as bad as a check that failed."""
    # Here and not above: this needs the libraries, and `status` starts without them.
    import time  # noqa: PLC0415

    from .drivers.components.postgres.login import forget_environment  # noqa: PLC0415
    from .ground.model import World  # noqa: PLC0415
    from .operations.doctor import doctor  # noqa: PLC0415
    from .operations.doctor.local import request_of  # noqa: PLC0415

    forget_environment(os.environ)
    try:
        settings = _settings(options.config_dir)
        inherited = {name: value for name, value in environ.items() if name != KEY_VARIABLE}
        world = World(lambda: datetime.datetime.now(datetime.UTC), time.sleep, inherited)
        facts = doctor.examine(request_of(settings, options.config_dir, inherited, tuple(options.check)), world).facts
    except Exception as exc:  # noqa: BLE001 - Python's own status of a crash is that of a warning here
        facts = _unexamined(exc)
    if options.json:
        told = {key: facts[key] for key in ("health", "summary", "checks")}
        _say(json.dumps(told, indent=2, default=str) + "\n")
    else:
        _say("\n".join([*facts["table"], facts["summary"]]) + "\n")
    return HEALTH[str(facts["health"])]


def _unexamined(error: Exception) -> dict[str, t.Any]:
    if not isinstance(error, RecoveryError):
        error = RecoveryError(f"An unexpected error, {type(error).__name__}: {error}.", "Report it.")
    failed = {"name": "configuration", "result": "failed", "cause": error.cause, "remedy": error.remedy, "facts": {}}
    table = [f"FAILED   {error}"]
    return {"health": "failed", "checks": [failed], "table": table, "summary": "Nothing was checked."}


def _config(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    listed = _settings(options.config_dir).shown(environ)
    if options.json:
        told = [{"name": each.name, "value": each.value, "source": each.source} for each in listed]
        _say(json.dumps(told, indent=2) + "\n")
        return 0
    width = max(len(each.name) for each in listed)
    lines = [f"{each.name:{width}}  {json.dumps(each.value, ensure_ascii=False)}  ({each.source})" for each in listed]
    _say("\n".join(lines) + "\n")
    return 0


def _settings(config_dir: str) -> HostSettings:
    """Read the host's settings, and become the user of the backups: root has no way into PostgreSQL by its socket."""
    from .records.host import settings as host_settings  # noqa: PLC0415

    found = host_settings.read(config_dir)
    user = found.value("user")
    if os.geteuid() == 0 and user and user != "root":
        _become(str(user))
    return found


def _become(user: str) -> None:
    import pwd  # noqa: PLC0415

    try:
        account = pwd.getpwnam(user)
    except KeyError as exc:
        raise UsageError(
            f"The user {user}, who runs this host's backups, does not exist.", "Run playbook lifeboat.recovery.install."
        ) from exc
    os.initgroups(user, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    # What a scheduled run of that user finds there counts, such as ~/.pgpass, and not what root has.
    os.environ |= {"HOME": account.pw_dir, "USER": user, "LOGNAME": user}


def _state_dir(config_dir: str) -> str:
    """Return where the host remembers; a host without settings of its own has the usual place."""
    from .records.host import settings as host_settings  # noqa: PLC0415

    try:
        return str(host_settings.read(config_dir).value("state_dir", host_state.DIRECTORY))
    except (NotFound, UsageError):
        return host_state.DIRECTORY


def _say(text: str) -> None:
    # What watches a host may run this in a locale that cannot spell every name.
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(printable_lines(text).encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def _wal(options: argparse.Namespace, _environ: Mapping[str, str]) -> t.NoReturn:
    """Do what the command that role host installs does without coming here."""
    from .operations.wal import door  # noqa: PLC0415

    words = [options.command, options.cluster]
    words += [value for value in (getattr(options, name, None) for name in ("name", "path")) if value]
    if getattr(options, "key_file", None):
        words += ["--key-file", options.key_file]
    if getattr(options, "check", False):
        words.append("--check")
    door.main(words, options.config_dir, _state_dir(options.config_dir))


def _decrypt(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    # Here and not above: `status` works without these libraries, and starts faster.
    from .drivers.crypto import lbx  # noqa: PLC0415
    from .drivers.crypto.opener import KeyOpener  # noqa: PLC0415
    from .ground import codec, disk  # noqa: PLC0415

    if options.output == "-" and sys.stdout.isatty():
        raise UsageError("The output would be written to a terminal.", "Name a file, or pipe the output.")
    held = _keys(options, environ)
    expected = lbx.Expected(name=options.name, signers=frozenset(_signers(options, held)))
    stored = (
        iter(lambda: sys.stdin.buffer.read(1 << 20), b"") if options.file == "-" else disk.read_blocks(options.file)
    )
    plain: Iterable[bytes] = lbx.open_file(stored, expected, KeyOpener(held.opening))
    if not options.raw:
        plain = codec.decompress(plain)
    if options.output != "-":
        disk.write_atomically(options.output, plain, mode=0o600, replace=False)
        return 0
    for block in plain:
        sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()
    return 0


def _keys(options: argparse.Namespace, environ: Mapping[str, str]) -> LocalKeys:
    """Read the key that opens, whichever kind it is."""
    from .drivers.crypto import keyfile, local_keys  # noqa: PLC0415

    roots = tuple(options.root)
    if not options.key_file:
        return local_keys.read(local_keys.KeySettings(recovery_key_hex=environ.get(KEY_VARIABLE), roots=roots))
    if any(record.type == "recovery" for record in keyfile.read(options.key_file)):
        return local_keys.read(local_keys.KeySettings(recovery_key_file=options.key_file, roots=roots))
    if not roots and not options.signer:
        raise UsageError("An opening key does not say which signers to trust.", "Add --root and --trust, or --signer.")
    # Without a root there is no trust file to believe, and the signers that are named stand for it.
    return local_keys.read(
        local_keys.KeySettings(opening_key_file=options.key_file, roots=roots or tuple(options.signer))
    )


def _signers(options: argparse.Namespace, held: LocalKeys) -> set[bytes]:
    """Return whose files are believed: roots, signers that are named, and those of a trust file."""
    from .drivers.crypto import keys, seals, trust  # noqa: PLC0415
    from .ground import disk  # noqa: PLC0415

    signers = {keys.public_key(text, "signer") for text in options.signer} | set(held.roots)
    if options.trust:
        envelope = b"".join(disk.read_blocks(options.trust))
        # Whose application it is goes unasked: the person who names the file vouches for that.
        payload = seals.open_record("trust", envelope, held.roots).payload
        listed = trust.TrustFile.from_payload(payload).signers
        signers |= {entry.public for entry in listed if entry.compromised_since is None}
    return signers


if __name__ == "__main__":
    raise SystemExit(main())
