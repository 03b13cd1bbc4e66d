# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recovery card: one page for the safe, which makes the first file of a kit trustworthy. It has no secret."""

from __future__ import annotations

import typing as t
import urllib.parse

from ...drivers.crypto.keys import ED25519, kid
from ...drivers.crypto.trust import time_text
from ...drivers.stores import factory
from ...records.repository import names as repository

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ...drivers.stores.factory import StoreSettings
    from ...records.kit.listing import Kit

_REGION = "us-east-1"


def text(kit: Kit, store: StoreSettings, roots: Collection[bytes]) -> str:
    """Return the card of a kit."""
    return "".join(f"{line}\n" for line in _lines(kit, store, roots))


def _lines(kit: Kit, store: StoreSettings, roots: Collection[bytes]) -> Iterator[str]:
    root = " or ".join(sorted(kid(ED25519, public) for public in roots))
    start = kit.files["start.py"].sha256
    yield from (f"RECOVERY CARD of {kit.application}", "")
    yield from ("Print it, and keep it with the recovery key. It contains no secret.", "")
    yield from (f"Store       {store.url}", *([f"Server      {store.endpoint}"] if store.endpoint else ()))
    yield f"Kit         {kit.serial}, of {time_text(kit.created)}; later kits have higher numbers"
    yield f"Root        {root}"
    yield from ("SHA-256 of start.py", f"            {start[:32]}", f"            {start[32:]}", "")
    yield from (
        "On any machine with Python 3.11 or 3.13, with the recovery key in the file recovery.key (chmod 600):",
        "",
    )
    yield from ("1. Fetch start.py:", "", *(f"   {line}" for line in _fetching(kit, store)), "")
    yield from ("2. Compare. If the two differ, do not run it:", "", "   sha256sum start.py", "")
    yield from ("3. Run it. It checks everything else, and says how to go on:", "")
    yield f"   {_command(kit, store, root)}"
    yield from (
        "",
        "You also need, and no kit contains: the recovery key; the credentials of the store; the password of",
    )
    yield "vaulted files; ssh access to the hosts; the keys of DNS."


def _fetching(kit: Kit, store: StoreSettings) -> Iterator[str]:
    name = repository.kit(kit.application, "start.py")
    if directory := factory.directory_of(store):
        yield f"cp {directory}/{name} ."
        return
    bucket = store.url.removeprefix("s3://").rstrip("/")
    region = store.region or _REGION
    where = store.endpoint or f"https://s3.{region}.amazonaws.com"
    ca_cert = " --cacert CA.crt" if store.ca_cert else ""
    yield f"aws s3 cp s3://{bucket}/{name} . --region {region}" + (f" --endpoint-url {where}" if store.endpoint else "")
    yield "or, where curl asks for the secret key:"
    path = urllib.parse.quote(f"{bucket}/{name}", safe="/~")
    yield f"curl --fail{ca_cert} --aws-sigv4 aws:amz:{region}:s3 --user ACCESS_KEY_ID -O {where.rstrip('/')}/{path}"


def _command(kit: Kit, store: StoreSettings, root: str) -> str:
    words = ["python3 start.py --key-file recovery.key", f"--application {kit.application}"]
    directory = factory.directory_of(store)
    words.append(f"--store file://{directory}" if directory else f"--store {store.url}")
    if not directory:
        words += [f"--endpoint {store.endpoint}"] if store.endpoint else []
        words += [f"--region {store.region or _REGION}", "--credentials credentials"]
        words += ["--ca-cert CA.crt"] if store.ca_cert else []
    words += [f"--serial {kit.serial}"] + ([f"--root {root}"] if " " not in root else [])
    return " \\\n     ".join(words)
