#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seal, open, verify, list and rewrap encrypted archives."""

from __future__ import annotations

DOCUMENTATION = r"""
module: encrypted_archive
short_description: Archive files with encryption, and extract them again
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Creates a compressed, encrypted and signed archive of files and directories, in one pass and without a temporary
    file in plaintext.
  - An altered or incomplete archive is rejected. Its content is moved to O(dest) only after all of it was
    authenticated.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery_audited
  - lifeboat.recovery._keys
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._store
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - Archiving again changes nothing if the source is the same, which is known from O(state_dir) or with a key that
        decrypts.
options:
  store:
    description:
      - The store with the trust file of the application. Without it only the root is trusted, as in single-key mode.
  state:
    description:
      - V(sealed) creates the archive O(dest) from O(path). V(opened) extracts the archive O(path) to O(dest).
      - V(verified) checks the archive O(path), and V(listed) lists its members.
      - V(rewrapped) allows additional O(recipients) to decrypt it, without changing the archive itself.
    type: str
    choices: [sealed, opened, verified, listed, rewrapped]
    default: sealed
  path:
    description: The files or directories to archive; in the other states, the archive.
    type: list
    elements: path
    required: true
  dest:
    description: The archive to create; with O(state=opened), the directory or file to create.
    type: path
  exclude:
    description: Patterns of files to exclude.
    type: list
    elements: str
  compression:
    description: V(zstd), V(gzip) or V(none), optionally with a level after a colon.
    type: str
    default: zstd:3
  mode:
    description: The permissions of the archive, as an octal number.
    type: str
    default: "0600"
  force:
    description: Replace O(dest) even if it is not an archive of a trusted signer, or has other content.
    type: bool
    default: false
  owners:
    description: Restore owners by their ids, as root.
    type: bool
    default: false
  set_id:
    description: Keep the set-user-ID and set-group-ID bits of extracted files.
    type: bool
    default: false
  outside_links:
    description: Allow symbolic links that point outside of O(dest).
    type: bool
    default: false
  max_members:
    description: Reject an archive with more members than this.
    type: int
    default: 10000000
  max_bytes:
    description: Reject an archive with more data than this, such as V(10GiB).
    type: str
  recipients:
    description: Public keys, 64 hexadecimal digits each, to rewrap for. The default is those of the trust file.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Seal the configuration of the web server
  lifeboat.recovery.encrypted_archive:
    application: shop
    path: /etc/nginx
    dest: /srv/backups/nginx.lbx
    keys:
      recovery_key_file: /etc/lifeboat/keys/recovery.key

- name: Open it beside the one in use
  lifeboat.recovery.encrypted_archive:
    application: shop
    state: opened
    path: /srv/backups/nginx.lbx
    dest: /etc/nginx.restored
    keys:
      recovery_key_file: /etc/lifeboat/keys/recovery.key
"""

RETURN = r"""
path: {description: "The archive.", returned: "when O(state) is not V(sealed)", type: str}
dest: {description: "What was created.", returned: when O(state=sealed) or O(state=opened), type: str}
size: {description: "Size of the archive in bytes.", returned: when the archive was read or created, type: int}
bytes: {description: "Size of the data before compression.", returned: when it is known, type: int}
sha256: {description: "The hash of the archive.", returned: when all of it was read or created, type: str}
head_sha256: {description: "The hash of its head.", returned: when the archive was read or created, type: str}
reason: {description: "Why it was archived again, or empty.", returned: when O(state=sealed), type: str}
recipients:
  description: The ids of the keys that decrypt the archive.
  returned: when the archive was read or created
  type: list
  elements: str
members:
  description: The members of the archive, with O(state=listed). Their number in the other states.
  returned: success
  type: raw
count: {description: "The number of members.", returned: when O(state=listed), type: int}
truncated: {description: "Whether RV(members) lacks some.", returned: when O(state=listed), type: bool}
added: {description: "The ids of the added keys.", returned: when O(state=rewrapped), type: list, elements: str}
files: {description: "The files that allow it.", returned: when O(state=rewrapped), type: list, elements: str}
level:
  description: The level of verification - V(opens), V(intact), or only its V(head).
  returned: when O(state=verified)
  type: str
"""

import typing as t

from ..module_utils._argspec import ArgumentSpec, application, keys, requested_by, state_dir, store
from ..module_utils._engine.ground.errors import UsageError
from ..module_utils._engine.operations.archive import archive
from ..module_utils._module import Given, run

if t.TYPE_CHECKING:
    from ..module_utils._engine.ground.model import Outcome, World

SPEC = ArgumentSpec(
    {
        "state": {
            "type": "str",
            "choices": ["sealed", "opened", "verified", "listed", "rewrapped"],
            "default": "sealed",
        },
        "path": {"type": "list", "elements": "path", "required": True},
        "dest": {"type": "path"},
        "exclude": {"type": "list", "elements": "str"},
        "compression": {"type": "str", "default": "zstd:3"},
        "mode": {"type": "str", "default": "0600"},
        "force": {"type": "bool", "default": False},
        "owners": {"type": "bool", "default": False},
        "set_id": {"type": "bool", "default": False},
        "outside_links": {"type": "bool", "default": False},
        "max_members": {"type": "int", "default": 10_000_000},
        "max_bytes": {"type": "str"},
        "recipients": {"type": "list", "elements": "str"},
    },
    required_if=[("state", "sealed", ("dest",)), ("state", "opened", ("dest",))],
)


def settings(given: Given) -> archive.ArchiveSettings:
    """Return whose archives these are."""
    return archive.ArchiveSettings(
        application=given["application"],
        keys=given.keys(),
        store=given.store() if given["store"] else None,
        state_dir=given["state_dir"],
    )


def one_path(given: Given) -> str:
    """Return the archive. Raise UsageError when there are several paths."""
    if len(given["path"]) != 1:
        raise UsageError("There must be one path, of an archive, here.", "Give one path a task.", field="path")
    return str(given["path"][0])


def seal(given: Given, world: World) -> Outcome:
    """Make an archive."""
    request = archive.SealRequest(
        settings(given),
        given.many("path"),
        given["dest"],
        exclude=given.many("exclude"),
        compression=given["compression"],
        mode=given.mode("mode"),
        force=given["force"],
    )
    return archive.seal(request, world)


def unseal(given: Given, world: World) -> Outcome:
    """Open an archive."""
    request = archive.OpenRequest(
        settings(given),
        one_path(given),
        given["dest"],
        force=given["force"],
        owners=given["owners"],
        set_id=given["set_id"],
        outside_links=given["outside_links"],
        max_members=given["max_members"],
        max_bytes=given.size("max_bytes") if given["max_bytes"] else None,
    )
    return archive.open_archive(request, world)


def inspect(given: Given, world: World) -> Outcome:
    """Verify an archive, or list what it holds."""
    most = given.size("max_bytes") if given["max_bytes"] else None
    request = archive.ReadRequest(settings(given), one_path(given), max_members=given["max_members"], max_bytes=most)
    return (archive.verify if given["state"] == "verified" else archive.list_members)(request, world)


def rewrap(given: Given, world: World) -> Outcome:
    """Let others open an archive."""
    request = archive.RewrapRequest(settings(given), one_path(given), given.many("recipients"))
    return archive.rewrap(request, world)


STATES = {"sealed": seal, "opened": unseal, "verified": inspect, "listed": inspect, "rewrapped": rewrap}


def main() -> None:
    """Run the module."""
    spec = SPEC.merge(application(), store(required=False), keys(), requested_by(), state_dir())
    run(spec, lambda given: given, lambda given, world: STATES[given["state"]](given, world), operation="archive")


if __name__ == "__main__":
    main()
