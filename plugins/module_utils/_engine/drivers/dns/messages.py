# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Messages to DNS servers, and what they answer: the one home of dnspython.

What a signed message is answered without a signature is believed by nobody: it is an error, as is one that does not
fit. Only codes of the protocol decide; a server's words are never read.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import DnsError, MissingLibrary
from .base import canonical

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .base import Change, Server

try:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdataclass
    import dns.rdatatype
    import dns.rrset
    import dns.tsig
    import dns.update
except ImportError:
    MISSING = True
else:
    MISSING = False

PATIENCE = 5.0
"""Seconds that a server has for an answer."""

OF_NAMES = {"CNAME", "NS"}
"""Types whose values are names."""


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A key that signs messages, its secret kept out of every `repr`."""

    name: str
    algorithm: str
    secret: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """
    What a server says about a name and a type.

    `code` is the protocol's, such as NOERROR or NXDOMAIN, and `alias` the name that stands there instead of values.
    `ttl` is for how long it may be remembered, also where there are none.
    """

    code: str
    authoritative: bool
    values: tuple[str, ...] = ()
    ttl: int = 0
    alias: str = ""


def require() -> None:
    """Raise MissingLibrary unless dnspython could be imported."""
    if MISSING:
        raise MissingLibrary("dnspython", "to ask and to update DNS servers")


def ask(server: Server, name: str, kind: str, *, key: Key | None = None, recursive: bool = False) -> Answer:
    """Ask a server; a `recursive` one for what others told it. Raise DnsError when it gives no answer."""
    require()
    query = dns.message.make_query(_absolute(name), kind)
    if not recursive:
        query.flags &= ~dns.flags.RD
    if key:
        query.use_tsig(_signer(key))
    return _read(_exchanged(query, server, key), _absolute(name), kind)


def update(server: Server, zone: str, changes: Sequence[Change], key: Key) -> str:
    """
    Send one signed update that holds only if all records are as they were, and return the code of the answer.

    Raise DnsError when there is none: what then became of the update is unknown.
    """
    require()
    message = dns.update.UpdateMessage(_absolute(zone), keyring=_signer(key))
    for change in changes:
        name, kind, before = _absolute(change.after.name), change.after.type, change.before
        if before.values:
            message.present(name, kind, *map(_told(kind), before.values))
        else:
            message.absent(name, kind)
        message.delete(name, kind)
        for value in map(_told(kind), change.after.values):
            message.add(name, change.after.ttl, kind, value)
    return str(dns.rcode.to_text(_exchanged(message, server, key).rcode()))


def _told(kind: str) -> t.Callable[[str], str]:
    """Return what makes a value absolute: a name without its last dot would be one of the zone."""
    return (lambda value: f"{value}.") if kind in OF_NAMES else str


def _exchanged(message: dns.message.Message, server: Server, key: Key | None) -> dns.message.Message:
    try:
        # By TCP: nobody answers in another's name who does not see the connection, and no answer is too long.
        answer = dns.query.tcp(message, server.address, timeout=PATIENCE, port=server.port)
    except dns.tsig.PeerError as exc:
        raise _rejected(exc, server, key) from exc
    except dns.exception.Timeout as exc:
        raise DnsError(
            f"The DNS server {server} does not answer.",
            "Check that it is up, and the firewall in between.",
            why="no answer in time",
        ) from exc
    except (OSError, EOFError) as exc:
        why = exc.strerror or type(exc).__name__ if isinstance(exc, OSError) else "the connection was closed"
        raise DnsError(
            f"The DNS server {server} cannot be reached: {why}.",
            "Check its address and port, and the firewall.",
            why=why,
        ) from exc
    except dns.exception.DNSException as exc:
        raise _invalid(server, key, type(exc).__name__) from exc
    if key and not answer.had_tsig:  # dnspython tells since version 2.7
        raise _invalid(server, key, str(dns.rcode.to_text(answer.rcode())))
    return answer


def _invalid(server: Server, key: Key | None, code: str) -> DnsError:
    signed = " or not signed" if key else ""
    remedy = f"Check that it is a DNS server{f' and has the key {key.name}' if key else ''}."
    return DnsError(
        f"The answer of the DNS server {server} is invalid{signed} ({code}).",
        remedy,
        code=code,
        why="an invalid answer",
    )


def _rejected(exc: dns.tsig.PeerError, server: Server, key: Key | None) -> DnsError:
    name, algorithm = (key.name, key.algorithm) if key else ("", "")
    code, cause, remedy = {
        dns.tsig.PeerBadSignature: (
            "BADSIG",
            f"rejects the signature of key {name}: the secret of that name is another one there",
            "Copy the key from the server into key_file again.",
        ),
        dns.tsig.PeerBadKey: (
            "BADKEY",
            f"does not know key {name} ({algorithm})",
            "Use a key that the server has, with its name and algorithm.",
        ),
        dns.tsig.PeerBadTime: (
            "BADTIME",
            "rejects the time of the message",
            "Correct the clock of this host, or of the server.",
        ),
    }.get(type(exc), (type(exc).__name__, f"rejects the signature of key {name}", "Check the key in key_file."))
    return DnsError(f"The DNS server {server} {cause} ({code}).", remedy, code=code)


def _read(answer: dns.message.Message, name: dns.name.Name, kind: str) -> Answer:
    code = dns.rcode.to_text(answer.rcode())
    authoritative = bool(answer.flags & dns.flags.AA)
    rrset = answer.get_rrset(answer.answer, name, dns.rdataclass.IN, dns.rdatatype.from_text(kind))
    if rrset:
        texts = (item.to_text() for item in rrset)
        values = sorted(map(canonical, texts) if kind in OF_NAMES else texts)
        return Answer(code, authoritative, tuple(values), rrset.ttl)
    alias = answer.get_rrset(answer.answer, name, dns.rdataclass.IN, dns.rdatatype.CNAME)
    return Answer(code, authoritative, (), _negative_ttl(answer), canonical(alias[0].to_text()) if alias else "")


def _negative_ttl(answer: dns.message.Message) -> int:
    """Return for how long it may be remembered that there is nothing (RFC 2308)."""
    for rrset in answer.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return int(min(rrset.ttl, rrset[0].minimum))
    return 0


def _absolute(name: str) -> dns.name.Name:
    return dns.name.from_text(name)


def _signer(key: Key) -> dns.tsig.Key:
    return dns.tsig.Key(key.name, key.secret, key.algorithm)
