# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and trust: may this host write, who can open what it writes, and how long will that stay so?"""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from ...ground.errors import KeyRefused
from ...ground.units import human_count, human_duration
from ...records.repository import choosing
from ...records.repository import names as repository
from .check import Case, Check, failed, ok, refused, warning

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...records.repository.trusted_keys import TrustedKeys

SOON = datetime.timedelta(days=14)
"""Before a signer's time is over there should be time for two working weeks."""

_ISSUE = "Run playbook lifeboat.recovery.install, with the recovery key, which issues the next trust file."


def examine(case: Case) -> Iterator[Check]:
    """Yield what there is to say about the keys of this host."""
    if case.opened is None:
        return
    trusted_keys = case.opened.trusted_keys
    yield _trust(trusted_keys)
    if trusted_keys.mode != "reader":
        yield from _signer(case, trusted_keys)
        yield _recipients(case, trusted_keys)
    yield from _newest(case, trusted_keys)


def _trust(trusted_keys: TrustedKeys) -> Check:
    serial = trusted_keys.trust.serial if trusted_keys.trust else 0
    facts = {
        "mode": trusted_keys.mode,
        "serial": serial,
        "roots": len(trusted_keys.roots),
        "opens": trusted_keys.can_open,
    }
    if ignored := trusted_keys.ignored_trust_files:
        return failed(
            "trust",
            f"{human_count(len(ignored), 'trust file')} in the store are not signed by the pinned root, such as "
            f"{ignored[0]}.",
            "Find out who wrote them: only the recovery key may.",
            **facts,
        )
    opens = "it can decrypt its backups" if trusted_keys.can_open else "it cannot decrypt its backups"
    if trusted_keys.trust is None:
        return ok("trust", f"This host is in mode {trusted_keys.mode} without a trust file; {opens}.", **facts)
    signers = human_count(len(trusted_keys.trust.signers), "signer")
    said = f"This host is in mode {trusted_keys.mode}; trust file {serial} is valid, with {signers}; {opens}."
    return ok("trust", said, **facts)


def _signer(case: Case, trusted_keys: TrustedKeys) -> Iterator[Check]:
    now = case.world.now()
    try:
        for scope in _scopes(case):
            trusted_keys.writer(scope, now)
    except KeyRefused as exc:
        yield refused("signer", exc)
        return
    kid = trusted_keys.signer.kid
    listed = trusted_keys.trust.signers if trusted_keys.trust else ()
    ends = [entry.until for entry in listed if entry.public == trusted_keys.signer.public and entry.until]
    if ends and min(ends) - now < SOON:
        left = human_duration((min(ends) - now).total_seconds())
        yield warning("signer", f"The signer {kid} of this host is valid for another {left} only.", _ISSUE, kid=kid)
    else:
        yield ok("signer", f"The signer {kid} of this host may sign its backups.", kid=kid)


def _recipients(case: Case, trusted_keys: TrustedKeys) -> Check:
    kids: list[str] = []
    with contextlib.suppress(KeyRefused):
        writer = trusted_keys.writer(_scopes(case)[0], case.world.now())
        kids = [recipient.kid for recipient in writer.recipients]
    wanted = case.request.limits.min_recipients or (1 if trusted_keys.mode == "single-key" else 2)
    facts = {"recipients": kids, "count": len(kids), "wanted": wanted}
    if not kids:
        return failed("recipients", "There are no recipients to encrypt for.", _ISSUE, **facts)
    if len(kids) < wanted:
        return warning(
            "recipients",
            f"{human_count(len(kids), 'key')} can decrypt the backups of this host; the minimum is {wanted}. Losing "
            "that key means losing every backup.",
            "Add an escrowed key to lifeboat_recipients and run playbook lifeboat.recovery.install; "
            "or set min_recipients in lifeboat_doctor_limits if copies of the key are kept in two places.",
            **facts,
        )
    return ok("recipients", f"{human_count(len(kids), 'key')} can decrypt the backups of this host.", **facts)


def _newest(case: Case, trusted_keys: TrustedKeys) -> Iterator[Check]:
    """Look whether the newest backup of each component is for everybody who is a recipient now."""
    if trusted_keys.trust is None or not case.backups:
        return
    for component, record in sorted(choosing.newest_of_each(backup.manifest for backup in case.backups).items()):
        lacking = [item.kid for item in trusted_keys.trust.recipients if item.kid not in record.recipients]
        if lacking:
            yield warning(
                "recipients",
                f"The newest backup of {component}, {record.backup_id}, was made before {len(lacking)} of the "
                "recipients were added.",
                "Make a backup now, or rewrap the stored backups for the recipients.",
                component=component,
                lacking=lacking,
            )


def _scopes(case: Case) -> list[str]:
    return [repository.component(case.request.cluster, name) for name in case.databases or ["postgres"]]
