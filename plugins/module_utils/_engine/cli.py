# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The program `lifeboat`: what must start fast, or work where there is no Ansible.

    lifeboat status [--json] [--directory DIR]
    lifeboat decrypt FILE --output OUT --key-file KEY [--trust FILE] [--root HEX] [--signer HEX] [--name NAME]

Neither ansible nor boto3 is ever imported here, and what a subcommand needs is imported when it runs. The exit status
says what went wrong; see errors.py.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import typing as t

from . import status
from .errors import RecoveryError, UsageError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .crypto.keyring import Keyring

KEY_VARIABLE = "BACKUP_ENCRYPTION_KEY"

INTERRUPTED = 130
"""The exit status of a program that Ctrl-C ended, as shells have it."""


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the program and return its exit status. Without arguments, those of this process count."""
    options = _parser().parse_args(argv)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lifeboat", description="Watch backups, and open them without Ansible.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shown = commands.add_parser("status", help="show how far running backups and restores are")
    shown.add_argument("--json", action="store_true", help="for machines: a list, with bytes and seconds")
    shown.add_argument("--directory", default=status.DIRECTORY, help="where the status files are (%(default)s)")
    shown.set_defaults(run=_status)
    opened = commands.add_parser("decrypt", help="open one stored file", description=_DECRYPT, epilog=_KEYS)
    opened.add_argument("file", metavar="FILE", help="the .lbx file, or - for standard input")
    opened.add_argument("--output", "-o", required=True, metavar="OUT", help="a file that is not there, or -")
    opened.add_argument("--key-file", metavar="KEY", help="a recovery key or an opening key")
    opened.add_argument("--trust", metavar="FILE", help="the application's trust file, as the store has it")
    opened.add_argument("--root", action="append", default=[], metavar="HEX", help="a root that signs trust files")
    opened.add_argument("--signer", action="append", default=[], metavar="HEX", help="a signer to believe")
    opened.add_argument("--name", metavar="NAME", help="the file's name in the store, which is signed into it")
    opened.add_argument("--raw", action="store_true", help="do not decompress")
    opened.set_defaults(run=_decrypt)
    return parser


_DECRYPT = "Check and decrypt one file of a backup, and decompress it: for pg_restore, or to look at."
_KEYS = (
    f"Without --key-file, the environment variable {KEY_VARIABLE} is the recovery key. A recovery key believes what it "
    "signed itself; whatever a host's signer signed needs --trust or --signer."
)


def _status(options: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    found = status.read_all(options.directory)
    text = status.to_json(found) if options.json else status.report(found, datetime.datetime.now(datetime.UTC))
    sys.stdout.write(text)
    sys.stdout.flush()
    return 0


def _decrypt(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    # Here and not above: `status` works without these libraries, and starts faster.
    from . import codec, disk  # noqa: PLC0415
    from .crypto import lbx  # noqa: PLC0415
    from .crypto.opener import KeyOpener  # noqa: PLC0415

    if options.output == "-" and sys.stdout.isatty():
        raise UsageError("What was encrypted would be shown on this terminal.", "Name a file, or write into a pipe.")
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


def _keys(options: argparse.Namespace, environ: Mapping[str, str]) -> Keyring:
    """Read the key that opens, whichever kind it is."""
    from .crypto import keyfile, keyring  # noqa: PLC0415

    roots = tuple(options.root)
    if not options.key_file:
        return keyring.read(keyring.KeySettings(recovery_key_hex=environ.get(KEY_VARIABLE), roots=roots))
    if any(record.type == "recovery" for record in keyfile.read(options.key_file)):
        return keyring.read(keyring.KeySettings(recovery_key_file=options.key_file, roots=roots))
    if not roots and not options.signer:
        raise UsageError("An opening key does not say whom to believe.", "Give --root and --trust, or --signer.")
    # Without a root there is no trust file to believe, and the signers that are named stand for it.
    return keyring.read(keyring.KeySettings(opening_key_file=options.key_file, roots=roots or tuple(options.signer)))


def _signers(options: argparse.Namespace, held: Keyring) -> set[bytes]:
    """Give whose files are believed: roots, signers that are named, and those of a trust file."""
    from . import disk  # noqa: PLC0415
    from .crypto import seals, trust  # noqa: PLC0415

    signers = {_public(text) for text in options.signer} | set(held.roots)
    if options.trust:
        envelope = b"".join(disk.read_blocks(options.trust))
        # Whose application it is goes unasked: the person who names the file vouches for that.
        payload = seals.open_record("trust", envelope, held.roots).payload
        listed = trust.TrustFile.from_payload(payload).signers
        signers |= {entry.public for entry in listed if entry.compromised_since is None}
    return signers


def _public(text: str) -> bytes:
    try:
        public = bytes.fromhex(text)
    except ValueError:
        public = b""
    if len(public) != 32:
        raise UsageError("A signer must be 64 hexadecimal digits: a public key.", field="signer")
    return public


if __name__ == "__main__":
    raise SystemExit(main())
