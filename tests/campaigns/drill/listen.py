# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers at a port over TCP and UDP, IPv4 and IPv6: listen.py PORT. Only rules can keep anybody from it."""

from __future__ import annotations

import socket
import sys
import threading

PORT = int(sys.argv[1])


def answer(packets: socket.socket) -> None:
    while True:
        packets.sendto(*packets.recvfrom(512))


stream = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
both = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
both.bind(("::", PORT))
threading.Thread(target=answer, args=[both], daemon=True).start()
while True:
    stream.accept()[0].close()
