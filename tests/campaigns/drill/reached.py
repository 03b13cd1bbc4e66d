# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints which of these can be reached: reached.py TRIES, a JSON list of [`tcp`, `udp` or `name`, address, port]."""

from __future__ import annotations

import concurrent.futures
import json
import socket
import sys

QUESTION = bytes.fromhex("abcd010000010000000000000473686f70076578616d706c650000060001")
"""Of DNS: the beginning of authority of shop.example."""

SECONDS = 3


def reached(kind: str, where: str, port: int) -> bool:
    """Return whether a name resolves, a port takes a connection, or a port answers a question of DNS."""
    try:
        if kind == "name":
            return bool(socket.getaddrinfo(where, None))
        if kind == "tcp":
            socket.create_connection((where, port), SECONDS).close()
            return True
        with socket.socket(socket.AF_INET6 if ":" in where else socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(SECONDS)
            asking.sendto(QUESTION, (where, port))
            return bool(asking.recv(512))
    except OSError:
        return False


tries = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(len(tries)) as pool:
    found = list(pool.map(lambda one: reached(*one), tries))
print(json.dumps([one for one, yes in zip(tries, found, strict=True) if yes]))
