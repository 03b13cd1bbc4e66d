#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change DNS records of a zone all at once, and wait until everybody answers them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_record
short_description: Change DNS records of a zone all at once, and wait until everybody answers them
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Sets the values of several names of one zone in one update that is done as a whole or not at all, and only if no
    record has changed since it was read. RV(previous) is what to set to go back.
  - Then it waits until every authoritative server of the zone, and after them every resolver of O(resolvers), answers
    the new values. If not all do in time, it fails with what is left; the zone is changed then. Another run waits on.
  - It supports servers that take signed dynamic updates (RFC 2136), and public zones of Amazon Route 53. docs/dns.md
    describes how to prepare them.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
attributes:
  check_mode:
    support: full
    details:
      - Reads the zone with the key, and asks every server once; what it could not wait for is a warning. Only an update
        shows whether the key may change the names.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - Python >= 3.11 on the host that runs the module
  - dnspython
  - boto3 (only O(driver=route53))
options:
  driver:
    description: How the zone is changed.
    type: str
    choices: [rfc2136, route53]
    default: rfc2136
  server:
    description: Address or name of the primary server. With O(driver=route53), the URL of another endpoint than AWS.
    type: str
  port:
    description: Port of O(server) with O(driver=rfc2136).
    type: int
    default: 53
  zone:
    description: Name of the zone, such as V(example.com).
    type: str
    required: true
  key_file:
    description:
      - With O(driver=rfc2136), a key file as C(tsig-keygen) writes it.
      - With O(driver=route53), a credentials file of AWS; the default is the environment, or the role of the machine.
    type: path
  profile:
    description: Section of the credentials file of AWS, V(default) if not set.
    type: str
  records:
    description: The names to change.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The full name, such as V(www.example.com).
        type: str
        required: true
      type:
        description: The type of the records.
        type: str
        choices: [A, AAAA, CNAME]
        default: A
      values:
        description: All values of the name, [] to remove it. O(state=present) needs either this or O(records[].host).
        type: list
        elements: str
      host:
        description: A host whose address is the value, by its name in O(addresses), an address, or a name to resolve.
        type: str
      ttl:
        description: The TTL of these records, instead of O(ttl).
        type: int
      replaces:
        description: The values that may be there; others fail the module. The default is as O(former_addresses) says.
        type: list
        elements: str
  state:
    description: V(present) sets values and O(ttl). V(ttl) sets only O(ttl), of existing records, and asks no resolver.
    type: str
    choices: [present, ttl]
    default: present
  ttl:
    description: Seconds for which resolvers remember the records. The default is the present one, V(300) for new names.
    type: int
  accept:
    description: Values that may be replaced although O(records[].replaces) does not list them, V(none) for no records.
    type: list
    elements: str
  addresses:
    description: Addresses of hosts, by their names.
    type: dict
  former_addresses:
    description: Addresses that hosts had before they were replaced, by their names.
    type: dict
  servers:
    description: Authoritative servers to wait for, as V(address:port). The default are the NS of the zone, at port 53.
    type: list
    elements: str
  resolvers:
    description: Resolvers to wait for, each as V(address) or V(address:port).
    type: list
    elements: str
  timeout:
    description: How long to wait, such as V(10m). The default is the former TTL and a minute; V(0) asks once.
    type: str
"""

EXAMPLES = r"""
- name: Send users to the new servers
  lifeboat.recovery.dns_record:
    server: 192.0.2.53
    zone: example.com
    key_file: ~/.lifeboat/dns.key
    ttl: 30
    records:
      - name: www.example.com
        host: web1
        replaces: [192.0.2.11]
      - name: db.example.com
        values: [192.0.2.22]
    addresses: {web1: 192.0.2.21}
    resolvers: [192.0.2.1, 198.51.100.1]
  delegate_to: localhost
  register: switched

- name: Lower the TTL a day before a move
  lifeboat.recovery.dns_record:
    driver: route53
    zone: example.com
    state: ttl
    ttl: 30
    records:
      - name: www.example.com
  delegate_to: localhost

- name: Go back
  lifeboat.recovery.dns_record:
    server: 192.0.2.53
    zone: example.com
    key_file: ~/.lifeboat/dns.key
    records: "{{ switched.previous }}"
  delegate_to: localhost
"""

RETURN = r"""
previous:
  description: The records before, each with C(name), C(type), C(ttl) and C(values), which is empty if there were none.
  returned: unless refused
  type: list
  elements: dict
records:
  description: The records as wanted, in the same form.
  returned: unless refused
  type: list
  elements: dict
servers:
  description:
    - Who was asked, each with C(server), C(kind) (V(authoritative) or V(resolver)), C(agrees), and what it C(said) if
      it does not agree.
  returned: unless refused
  type: list
  elements: dict
waited:
  description: Seconds from the update to the end.
  returned: unless refused
  type: float
summary:
  description: The result in one sentence.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._engine.drivers.dns.factory import ZoneSettings
from ..module_utils._engine.operations.dns.request import DnsRequest, Wish
from ..module_utils._engine.operations.dns.switching import dns_record
from ..module_utils._module import Given, run

RECORD = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": ["A", "AAAA", "CNAME"], "default": "A"},
    "values": {"type": "list", "elements": "str"},
    "host": {"type": "str"},
    "ttl": {"type": "int"},
    "replaces": {"type": "list", "elements": "str"},
}
SPEC = ArgumentSpec(
    {
        "driver": {"type": "str", "choices": ["rfc2136", "route53"], "default": "rfc2136"},
        "server": {"type": "str"},
        "port": {"type": "int", "default": 53},
        "zone": {"type": "str", "required": True},
        "key_file": {"type": "path", "no_log": False},
        "profile": {"type": "str"},
        "records": {"type": "list", "elements": "dict", "required": True, "options": RECORD},
        "state": {"type": "str", "choices": ["present", "ttl"], "default": "present"},
        "ttl": {"type": "int"},
        "accept": {"type": "list", "elements": "str"},
        "addresses": {"type": "dict"},
        "former_addresses": {"type": "dict"},
        "servers": {"type": "list", "elements": "str"},
        "resolvers": {"type": "list", "elements": "str"},
        "timeout": {"type": "str"},
    },
    required_if=[("driver", "rfc2136", ("server", "key_file"))],
)


def request(given: Given) -> DnsRequest:
    """Return the options as the engine takes them."""
    lists, place = ("values", "replaces"), ("zone", "driver", "server", "port", "key_file", "profile")
    return DnsRequest(
        zone=ZoneSettings(**{name: given[name] for name in place}),
        records=tuple(
            Wish(**{name: tuple(value) if name in lists else value for name, value in record.items()})
            for record in given.records("records")
        ),
        state=given["state"],
        ttl=given["ttl"],
        accept=given.many("accept"),
        addresses=given["addresses"] or {},
        former_addresses=given["former_addresses"] or {},
        servers=given.many("servers"),
        resolvers=given.many("resolvers"),
        timeout=given.seconds("timeout"),
    )


def main() -> None:
    """Run the module."""
    run(SPEC, request, dns_record)


if __name__ == "__main__":
    main()
