# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Clients for services of AWS, for the drivers that ask them: the one home of boto3.

boto3 takes a quarter of a second to import, which the archiving of a WAL segment must not pay: it is imported when the
first client is made.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

from .errors import MissingLibrary

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .aws_credentials import Credentials

MACHINE_PROVIDERS = {"assume-role-with-web-identity", "container-role", "iam-role"}
"""Of all the places where boto3 looks for credentials, those that belong to the machine."""


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """
    A service, and where and how patiently it is asked; `purpose` is what boto3 is needed for, for messages.

    An empty `endpoint` is AWS itself. `metadata` is the endpoint at which the machine's own role is found, if not the
    usual one, and `options` are those of botocore's Config that only this service has.
    """

    name: str
    purpose: str
    region: str
    endpoint: str = ""
    authority: str | None = None
    metadata: str | None = None
    connect_timeout: float = 5
    read_timeout: float = 60
    attempts: int = 4
    options: dict[str, t.Any] = dataclasses.field(default_factory=dict)


class Failure(t.NamedTuple):
    """What boto3 tells about a failed request: its text, the HTTP status (0 without an answer), and the error code."""

    text: str
    status: int
    code: str


def client(service: Service, credentials: Callable[[], Credentials] | None) -> t.Any:
    """
    Return boto3's client. `credentials` is called for each request; None leaves it to the machine's own role.

    Raise MissingLibrary.
    """
    boto3, botocore = _libraries(service.purpose)
    config = botocore.config.Config(
        connect_timeout=service.connect_timeout,
        read_timeout=service.read_timeout,
        retries={"mode": "standard", "total_max_attempts": service.attempts},
        **service.options,
    )
    session = boto3.session.Session(botocore_session=_session(botocore, credentials, service.metadata))
    return session.client(
        service.name,
        region_name=service.region,
        endpoint_url=service.endpoint or None,
        verify=service.authority or True,
        config=config,
    )


def raised(purpose: str) -> tuple[type[BaseException], ...]:
    """Return what a request raises that fails. Raise MissingLibrary."""
    _boto3, botocore = _libraries(purpose)
    return (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, OSError)


def failure(exc: BaseException) -> Failure:
    """Return what one of these tells."""
    response = getattr(exc, "response", None) or {}
    said = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    # What lies below, such as a refused connection, is a field of the error and not always in its text.
    text = "" if status else f"{exc} {getattr(exc, 'kwargs', {}).get('error', '')}"
    return Failure(text, status, said)


def _libraries(purpose: str) -> tuple[t.Any, t.Any]:
    try:
        import boto3.session  # noqa: PLC0415
        import botocore.config  # noqa: PLC0415
        import botocore.exceptions  # noqa: PLC0415
        import botocore.session  # noqa: PLC0415
    except ImportError:
        raise MissingLibrary("boto3", purpose) from None
    return boto3, botocore


def _session(botocore: t.Any, credentials: Callable[[], Credentials] | None, metadata: str | None) -> t.Any:
    """Make a session that reads none of the user's own settings for AWS: what counts is what the task says."""
    nothing = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    session = botocore.session.Session(session_vars={**nothing, "profile": (None, None, None, None)})
    if credentials:
        session._credentials = _Current(credentials)
        return session
    if metadata:
        session.set_config_variable("ec2_metadata_service_endpoint", metadata)
    resolver = session.get_component("credential_provider")
    resolver.providers = [found for found in resolver.providers if found.METHOD in MACHINE_PROVIDERS]
    return session


class _Current:
    """Credentials as boto3 asks for them: anew for each request, so that a rotated file takes effect."""

    method = "lifeboat"
    account_id = None

    def __init__(self, read: Callable[[], Credentials]) -> None:
        self._read = read

    def get_deferred_property(self, name: str) -> Callable[[], t.Any]:
        return lambda: getattr(self.get_frozen_credentials(), name)

    def get_frozen_credentials(self) -> _Frozen:
        found = self._read()
        return _Frozen(found.access_key, found.secret_key, found.token)


class _Frozen(t.NamedTuple):
    access_key: str
    secret_key: str
    token: str | None
    account_id: None = None

    def __repr__(self) -> str:
        return "credentials"
