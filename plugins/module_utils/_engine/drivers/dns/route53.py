# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A public zone of Amazon Route 53.

A batch of changes is done as a whole or not at all. Each old set is deleted with all that it must hold, and the other
one is created, so that a set which somebody changed meanwhile makes the batch fail.
"""

from __future__ import annotations

import typing as t

from ...ground import aws
from ...ground.errors import DnsError, UsageError
from . import addresses, base

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ...ground.aws_credentials import Credentials
    from .base import Change

PURPOSE = "to read and change zones of Route 53"
REGION = "us-east-1"
"""Where Route 53, which has no regions, is asked."""

NEGATIVE_TTL = 900
"""For how long resolvers remember that a name has no records, as Route 53 sets up its zones."""

UNMET = {"InvalidChangeBatch", "InvalidInput"}
"""Codes for a batch that does not fit what is there, among others: reading the zone again tells."""

KEYS = "Check the access key, its secret, the session token, and the profile."
CODES = {
    "NoSuchHostedZone": ("The zone was deleted", "Correct zone."),
    "PriorRequestNotComplete": ("An earlier change is not complete", "Run again."),
    "Throttling": ("Route 53 throttles the requests", "Run again."),
    **dict.fromkeys(
        ("InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "UnrecognizedClientException"),
        ("The credentials are rejected", KEYS),
    ),
}


class Route53Zone:
    """The zone `name`. `endpoint` is empty for AWS itself."""

    def __init__(self, name: str, credentials: Callable[[], Credentials] | None, endpoint: str = "") -> None:
        self._name = name
        self._endpoint = endpoint
        service = aws.Service("route53", PURPOSE, REGION, endpoint)
        self._client = aws.client(service, credentials)
        self._zone_id = ""
        self._change_id = ""

    def read(self, name: str, kind: str) -> base.RecordSet:
        where = {"StartRecordName": name, "StartRecordType": kind, "MaxItems": "10"}
        answer = self._ask("list_resource_record_sets", HostedZoneId=self._id(), **where)
        found = [
            item
            for item in answer["ResourceRecordSets"]
            if (base.canonical(item["Name"].replace("\\052", "*")), item["Type"]) == (name, kind)
        ]
        if not found:
            return base.RecordSet(name, kind, NEGATIVE_TTL)
        if len(found) > 1 or "SetIdentifier" in found[0] or "AliasTarget" in found[0]:
            raise UsageError(
                f"{name} {kind} is an alias or has a routing policy in Route 53, which is not supported.",
                "Leave it out of records, and change it by a role of your own.",
                field="records",
            )
        values = (base.check_value(kind, item["Value"], "records") for item in found[0]["ResourceRecords"])
        return base.RecordSet(name, kind, int(found[0]["TTL"]), tuple(sorted(values)))

    def update(self, changes: Sequence[Change]) -> None:
        batch = [
            {"Action": action, "ResourceRecordSet": _set(records)}
            for change in changes
            for action, records in (("DELETE", change.before), ("CREATE", change.after))
            if records.values
        ]
        answer = self._ask("change_resource_record_sets", HostedZoneId=self._id(), ChangeBatch={"Changes": batch})
        self._change_id = answer["ChangeInfo"]["Id"]

    def settled(self) -> bool:
        return not self._change_id or self._ask("get_change", Id=self._change_id)["ChangeInfo"]["Status"] == "INSYNC"

    def nameservers(self) -> Mapping[str, Sequence[str]]:
        names = self._ask("get_hosted_zone", Id=self._id())["DelegationSet"]["NameServers"]
        return {name: addresses.known(name) for name in map(base.canonical, names)}

    def _id(self) -> str:
        """Return the id of the public zone of that name. Raise UsageError unless there is one."""
        if not self._zone_id:
            answer = self._ask("list_hosted_zones_by_name", DNSName=self._name, MaxItems="100")
            found = [
                item["Id"]
                for item in answer["HostedZones"]
                if base.canonical(item["Name"]) == self._name and not item.get("Config", {}).get("PrivateZone")
            ]
            if len(found) != 1:
                many = f"{len(found)} public zones" if found else "no public zone"
                raise UsageError(
                    f"Route 53 has {many} {self._name} for these credentials.",
                    "Correct zone or key_file.",
                    field="zone",
                )
            self._zone_id = found[0]
        return self._zone_id

    def _ask(self, operation: str, **parameters: t.Any) -> dict[str, t.Any]:
        try:
            answer: dict[str, t.Any] = getattr(self._client, operation)(**parameters)
        except aws.raised(PURPOSE) as exc:
            raise self._explained(aws.failure(exc), operation) from exc
        return answer

    def _explained(self, failure: aws.Failure, operation: str) -> DnsError:
        details = {"code": failure.code, "status": failure.status}
        if failure.code in UNMET:
            remedy = "Check that Route 53 allows these names and values, and run again."
            return base.Changed(f"Route 53 does not take the changes ({failure.code}).", remedy, **details)
        right = "route53:" + "".join(word.capitalize() for word in operation.split("_"))
        if failure.status == 403 and failure.code not in CODES:
            return DnsError(f"Route 53 denies access ({failure.code}).", f"Allow these credentials {right}.", **details)
        if failure.code in CODES:
            cause, remedy = CODES[failure.code]
            return DnsError(f"{cause} ({failure.code}).", remedy, **details)
        if failure.status:
            return DnsError(
                f"Route 53 answers with {failure.code}.", "See its documentation, and run again.", **details
            )
        where = self._endpoint or "route53.amazonaws.com"
        return DnsError(
            f"Route 53 cannot be asked at {where}.",
            "Check the network of this host, and that it has credentials: key_file, the environment, or its role.",
        )


def _set(records: base.RecordSet) -> dict[str, t.Any]:
    values = [{"Value": value} for value in records.values]
    return {"Name": records.name, "Type": records.type, "TTL": records.ttl, "ResourceRecords": values}
