#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Say who may sign backups and who can open them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: recovery_trust
short_description: Manage the trust file, who may sign backups and who can decrypt them
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - The trust file of an application lists the keys that its backups are encrypted to and the hosts whose signatures
    are valid. It is in the store, signed by the recovery key.
  - A host with access to the store reads and publishes it; it is signed where the recovery key is. That takes three
    tasks.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_audited
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
    details:
      - Shows who is added and who is retired.
  idempotent:
    support: full
options:
  state:
    description:
      - V(read) returns the newest trust file in O(store) that a root signed. V(signed) signs the one after O(envelope).
        V(published) writes O(envelope) into O(store).
    type: str
    choices: [read, signed, published]
    required: true
  store:
    description: The store of the backups. Required to read and to publish.
  roots:
    description: The public keys of the roots, 64 hexadecimal digits each. Required to read and to publish.
    type: list
    elements: str
  recovery_key_file:
    description:
      - The recovery key that signs. Without this option it is read from the environment variable
        E(BACKUP_ENCRYPTION_KEY).
    type: path
  envelope:
    description: A trust file as RV(envelope) returns it, empty if there is none yet.
    type: str
    default: ""
  recipients:
    description:
      - Public keys, 64 hexadecimal digits each, to add to those that can decrypt new backups. The recovery key is
        always one of them.
    type: list
    elements: str
  signers:
    description: Hosts to add to those that may sign.
    type: list
    elements: dict
    suboptions:
      public:
        description: The signer's public key, 64 hexadecimal digits.
        type: str
        required: true
      scope:
        description: What it may sign, such as V(main/*) for all databases of the cluster C(main).
        type: list
        elements: str
        required: true
  retired:
    description:
      - Public keys, of recipients or signers, to retire. Earlier signatures of a signer stay valid.
    type: list
    elements: str
  taken:
    description: RV(taken) of O(state=read). The serials up to it are in use, and are not used again.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Read the trust file
  lifeboat.recovery.recovery_trust:
    state: read
    application: shop
    roots: ["{{ recovery_key.root }}"]
    store:
      url: s3://example-backups/postgresql
  register: trust

- name: Sign one that lists this host, where the recovery key is
  delegate_to: localhost
  lifeboat.recovery.recovery_trust:
    state: signed
    application: shop
    recovery_key_file: ~/.lifeboat/shop.key
    envelope: "{{ trust.envelope }}"
    taken: "{{ trust.taken }}"
    signers:
      - public: "{{ signer.public }}"
        scope: [main/*]
  register: signed

- name: Publish it
  lifeboat.recovery.recovery_trust:
    state: published
    application: shop
    roots: ["{{ recovery_key.root }}"]
    envelope: "{{ signed.envelope }}"
    store:
      url: s3://example-backups/postgresql
"""

RETURN = r"""
envelope:
  description: The signed trust file, or an empty string if there is none. It contains no secret.
  returned: when O(state=read) or O(state=signed)
  type: str
serial:
  description: Its number, 0 when there is none.
  returned: success
  type: int
taken:
  description: The highest number that the store has an object for, valid or not.
  returned: when O(state=read)
  type: int
recipients:
  description: Who can decrypt backups.
  returned: success
  type: list
  elements: dict
signers:
  description: Who may sign, what, and until when.
  returned: success
  type: list
  elements: dict
"""

from ..module_utils._argspec import ArgumentSpec, application, requested_by, state_dir, store
from ..module_utils._engine.operations.keys.trust_issuing import (
    NewSigner,
    PublishedTrust,
    SignRequest,
    publish_trust,
    read_trust,
    sign_trust,
)
from ..module_utils._module import Given, run

SIGNER = {
    "public": {"type": "str", "required": True},
    "scope": {"type": "list", "elements": "str", "required": True},
}
SPEC = ArgumentSpec(
    {
        "state": {"type": "str", "choices": ["read", "signed", "published"], "required": True},
        "roots": {"type": "list", "elements": "str"},
        "recovery_key_file": {"type": "path", "no_log": False},
        "envelope": {"type": "str", "default": ""},
        "recipients": {"type": "list", "elements": "str"},
        "signers": {"type": "list", "elements": "dict", "options": SIGNER},
        "retired": {"type": "list", "elements": "str"},
        "taken": {"type": "int", "default": 0},
    },
    required_if=[("state", "read", ("store", "roots")), ("state", "published", ("store", "roots"))],
)


def published(given: Given) -> PublishedTrust:
    """Return the options of a host with the store."""
    return PublishedTrust(given["application"], given.store(), given.many("roots"), given["envelope"])


def to_sign(given: Given) -> SignRequest:
    """Return the options of the place where the recovery key is."""
    return SignRequest(
        application=given["application"],
        keys=given.recovery_key(),
        envelope=given["envelope"],
        recipients=given.many("recipients"),
        signers=tuple(NewSigner(signer["public"], tuple(signer["scope"])) for signer in given.many("signers")),
        retired=given.many("retired"),
        taken=given["taken"],
    )


STATES = {
    "read": lambda given, world: read_trust(published(given), world),
    "signed": lambda given, world: sign_trust(to_sign(given), world),
    "published": lambda given, world: publish_trust(published(given), world),
}


def main() -> None:
    """Run the module."""
    spec = SPEC.merge(application(), store(required=False), requested_by(), state_dir())
    run(spec, lambda given: given, lambda given, world: STATES[given["state"]](given, world), operation="trust")


if __name__ == "__main__":
    main()
