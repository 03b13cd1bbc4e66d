# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules let through and what not, in network namespaces, with the kernel's own nftables."""

from __future__ import annotations

import socket
import sys
import threading
import typing as t

import pytest
from isolate_fixtures import CONTROLLER, CONTROLLER6, GUEST, HOST, HOST6, POSTGRESQL, SSH, STORE, STRANGER, echoes

if t.TYPE_CHECKING:
    from isolate_fixtures import Network, Place

ASK = """
import socket, sys
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(2)
try:
    asking.sendto(b"time", (sys.argv[1], 123))
    print(asking.recv(9).decode())
except PermissionError:
    print("dropped")
"""


def refused(place: Place, address: str, port: int, source_port: int = 0) -> bool:
    """Return whether no connection came about, for lack of any answer."""
    try:
        place.connected(address, port, source_port).close()
    except TimeoutError:
        return True
    return False


def test_sessions_of_the_application_end_and_those_of_ssh_go_on(network: Network) -> None:
    ssh, ssh6 = network.world.connected(HOST, SSH), network.world.connected(HOST6, SSH)
    application = network.world.connected(HOST, POSTGRESQL)
    assert all(map(echoes, (ssh, ssh6, application)))
    network.isolate()
    network.isolate()  # again, while it is in force
    assert echoes(ssh)
    assert echoes(ssh6)
    assert not echoes(application)
    assert echoes(network.world.connected(HOST, SSH))
    assert echoes(network.world.connected(HOST6, SSH))
    assert refused(network.world, HOST, POSTGRESQL)
    assert echoes(network.host.connected("127.0.0.1", POSTGRESQL))
    network.host.run("nft", "delete", "table", "inet", "lifeboat_isolate")
    assert echoes(network.world.connected(HOST, POSTGRESQL))


def test_only_what_is_allowed_can_be_reached_from_the_host(network: Network) -> None:
    network.isolate()
    assert echoes(network.host.connected(STORE, 443))
    assert refused(network.host, STORE, 25)
    assert refused(network.host, STRANGER, 443)


def test_the_controller_gets_nothing_but_replies(network: Network) -> None:
    """Not even from the port of ssh, which a process of root's may share, does a connection begin here."""
    network.serve(network.world, 8443)
    assert not refused(network.host, CONTROLLER, 8443, SSH)
    network.isolate()
    assert refused(network.host, CONTROLLER, 8443, SSH)
    assert refused(network.host, CONTROLLER, 8443)


def test_who_listens_outside_sees_nothing(network: Network) -> None:
    network.isolate()
    everything = network.world.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)))
    everything.bind(("eth0", 0x0800))
    everything.setblocking(False)
    speaking = network.host.datagrams(0)
    for address, port in ((STRANGER, 53), (CONTROLLER, 123), ("10.77.0.255", 9)):
        speaking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        with pytest.raises(PermissionError):
            speaking.sendto(b"secret", (address, port))
    assert refused(network.host, STRANGER, 443)
    assert refused(network.host, CONTROLLER, SSH)
    assert echoes(network.host.connected(STORE, 443)), "the packets of this one are seen"
    seen = set()
    while True:
        try:
            packet, (_name, _protocol, kind, *_rest) = everything.recvfrom(100)
        except BlockingIOError:
            break
        if kind != socket.PACKET_OUTGOING:
            seen.add(socket.inet_ntoa(packet[16:20]))
    assert seen == {STORE}


def test_a_lease_is_renewed(network: Network) -> None:
    network.isolate()
    server, client = network.world.datagrams(67), network.host.datagrams(68)
    client.sendto(b"request", (CONTROLLER, 67))
    _request, address = server.recvfrom(9)
    server.sendto(b"lease", address)
    assert client.recv(9) == b"lease"


def test_neighbours_that_were_forgotten_are_found_again(network: Network) -> None:
    ssh, ssh6 = network.world.connected(HOST, SSH), network.world.connected(HOST6, SSH)
    network.isolate()
    for place in (network.world, network.host):
        place.run("ip", "neighbour", "flush", "all")
    assert echoes(ssh)
    assert echoes(ssh6)
    for place, known in ((network.world, HOST6), (network.host, CONTROLLER6)):
        assert f"{known} dev eth0 lladdr" in place.run("ip", "neighbour")


def test_only_the_time_daemon_may_ask_for_the_time(network: Network) -> None:
    users = {"_chrony": ["x", "4711"], "mallory": ["x", "4712"]}
    network.isolate(ansible_facts={"getent_passwd": users})
    server = network.world.datagrams(123)
    server.settimeout(20)  # a program must start first
    as_user = ("setpriv", "--clear-groups", "--reuid")
    assert network.host.run(*as_user, "4712", sys.executable, "-I", "-c", ASK, CONTROLLER) == "dropped\n"

    def answer() -> None:
        _request, address = server.recvfrom(9)
        server.sendto(b"12:00", address)

    answering = threading.Thread(target=answer)
    answering.start()
    assert network.host.run(*as_user, "4711", sys.executable, "-I", "-c", ASK, CONTROLLER) == "12:00\n"
    answering.join()


def test_nothing_is_passed_on_to_others(network: Network) -> None:
    """As a host with containers or virtual machines does."""
    guest = network.add_guest()
    network.serve(guest, POSTGRESQL)
    assert echoes(network.world.connected(GUEST, POSTGRESQL))
    network.isolate()
    assert refused(network.world, GUEST, POSTGRESQL)
    assert refused(guest, CONTROLLER, 443)
