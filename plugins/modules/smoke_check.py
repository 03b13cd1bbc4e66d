#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask a running application whether it works."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smoke_check
short_description: Check that an application works
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Asks a running application by HTTP, SQL, TCP, DNS or a command, and again while the answer is not right and time is
    left. It fails if a check fails, and names what was expected and what came instead.
  - Only the beginning of an answer is read, a mebibyte, and nothing of it is shown but its status and the values at the
    keys of C(json). Redirects are not followed, and proxies are not used.
  - docs/application.md describes the checks with examples.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.info_module
attributes:
  check_mode:
    support: full
    details:
      - Checks that may change something are skipped - C(write), C(command), logins, and requests other than C(GET),
        C(HEAD) and C(OPTIONS).
  idempotent:
    support: partial
    details:
      - A C(write) is rolled back, but sequences go on. A request or a command does what it does.
options:
  checks:
    description:
      - The checks. Each has one of the following kinds, and optionally C(name), C(within) and C(timeout). Unknown keys
        are rejected before anything is asked.
      - C(http) has C(url), and optionally C(method), C(status) (one or a list; the default is 200 to 299), C(contains)
        (one or more texts), C(json) (a part of the document that must be there), C(headers), C(body), C(at) (the
        address to connect to, such as V(10.0.0.21) or V(10.0.0.21:8443), whatever the name of the URL resolves to),
        C(ca_cert), and C(login) with C(url), C(form) and C(secret_files) - fields of the form by a file with the value
        on its first line, which only its owner may read.
      - C(sql) has C(database), C(query), either C(expect) or C(minimum), and optionally C(login_host), C(login_port),
        C(login_user), C(login_password_file), C(login_unix_socket), C(ssl_mode), C(ca_cert), C(ssl_cert) and
        C(ssl_key). The query is one statement in a read-only transaction. A role that may do more than it was granted,
        such as a superuser or a member of C(pg_read_all_data), is rejected.
      - C(write) has the same keys, but needs neither C(expect) nor C(minimum). Its statement is rolled back.
      - C(tcp) has C(host) and C(port).
      - C(dns) has C(name) and C(expect), the addresses that the name must have on this host.
      - C(command) is a list, a program and its arguments. It must end with 0.
    type: list
    elements: dict
    required: true
  within:
    description:
      - Time within which a check has to pass, for checks without C(within). It begins with the task, for all of them.
        With V(0) each is asked once.
    type: str
    default: "0"
  timeout:
    description: Time limit for one attempt, for checks without C(timeout).
    type: str
    default: 10s
  writes:
    description: Whether the checks of kind C(write) have to succeed, or to be refused because nothing may be written.
    type: str
    choices: [accepted, refused]
    default: accepted
requirements:
  - Python >= 3.11 on the host that runs the module
  - psycopg (C(sql) and C(write))
"""

EXAMPLES = r"""
- name: Check that the shop works
  lifeboat.recovery.smoke_check:
    within: 60s
    checks:
      - name: health
        http:
          url: https://shop.example.com/health
          at: 10.0.0.21 # before the name leads there
          json: {status: ok, database: connected}
      - name: login
        http:
          url: https://shop.example.com/account
          contains: Your orders
          login:
            url: https://shop.example.com/login
            form: {email: smoke@example.com}
            secret_files: {password: /etc/lifeboat/keys/smoke.password}
      - name: orders can be written
        write:
          database: shop
          query: INSERT INTO orders (customer, total) VALUES (1, 0)
          login_host: db1.example.com
          login_user: shop
          login_password_file: /etc/lifeboat/keys/shop.password
"""

RETURN = r"""
checks:
  description: The checks, in the order in which they were given.
  returned: unless options are rejected
  type: list
  elements: dict
  contains:
    name:
      description: Its name; without one, its kind and what is wanted.
      type: str
      sample: health
    kind:
      description: What it asks.
      type: str
      sample: http
    result:
      description: C(passed), C(failed) or, in check mode, C(skipped).
      type: str
      sample: failed
    wanted:
      description: What is expected.
      type: str
      sample: GET https://shop.example.com/health gives status 200 to 299
    found:
      description: What came instead, empty if it passed.
      type: str
      sample: status 502 Bad Gateway
    attempts:
      description: How often it was asked.
      type: int
      sample: 3
    seconds:
      description: When it passed or failed, in seconds from the beginning.
      type: float
      sample: 4.2
failed_checks:
  description: The names of those that failed.
  returned: unless options are rejected
  type: list
  elements: str
summary:
  description: The result in one line.
  returned: unless options are rejected
  type: str
  sample: 2 of 3 checks passed.
table:
  description: The checks as lines of a table.
  returned: unless options are rejected
  type: list
  elements: str
"""

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._engine.operations.check.smoke_check import SmokeCheckRequest, smoke_check
from ..module_utils._engine.records.checks.parsing import Limits, parse
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "checks": {"type": "list", "elements": "dict", "required": True},
        "within": {"type": "str", "default": "0"},
        "timeout": {"type": "str", "default": "10s"},
        "writes": {"type": "str", "choices": ["accepted", "refused"], "default": "accepted"},
    }
)


def request(given: Given) -> SmokeCheckRequest:
    """Return the options as the engine takes them."""
    limits = Limits(
        within=given.seconds("within") or 0.0,
        timeout=given.seconds("timeout") or 0.0,
        writes_refused=given["writes"] == "refused",
    )
    return SmokeCheckRequest(parse(given.many("checks"), "checks", limits))


def main() -> None:
    """Run the module."""
    run(SPEC, request, smoke_check)


if __name__ == "__main__":
    main()
