"""The configuration that the demo runs: as a person would write it, with the addresses filled in."""

from __future__ import annotations

from typing import Final

import msgspec

REPORTS_BURST: Final = 5
"""Requests to /reports that a caller of the lowest tier may make at once."""


class Addresses(msgspec.Struct, frozen=True):
    """Where the parts of the demo are; base URLs without a trailing slash."""

    gateway: str
    admin: str
    provider: str
    echo: str


def render(at: Addresses, audience: str, workers: int) -> str:
    """Return the text of `ostiary.yaml`."""
    return f"""\
# Written by `ostiary demo`. A copy of it is a good start for your own.
server:
  listen: {at.gateway.removeprefix("http://")}
  workers: {workers}           # share their limits in an embedded Valkey
  drain: 2s
admin:
  listen: {at.admin.removeprefix("http://")}

issuers:
  demo:
    issuer: {at.provider}
    audiences: [{audience}]
    algorithms: [RS256, ES256, EdDSA]
    keys: {{discovery: true}}

upstreams:
  echo:
    targets: [{at.echo}]

limits:
  usual:
    tiers:
      anonymous: {{rate: 10/s, burst: 20}}
      free: {{rate: 20/s, burst: 50}}
      premium: {{rate: 200/s, burst: 500}}
  costly:
    tiers:
      free: {{rate: 5/min, burst: {REPORTS_BURST}}}
      premium: {{rate: 60/min, burst: 60}}

routes:
  - name: status
    match: {{path: /status, methods: [GET]}}
    upstream: echo
    anonymous: true
    limit: usual
  - name: read-orders
    match: {{path: /orders, methods: [GET]}}
    upstream: echo
    require: {{scopes: [orders:read]}}
    limit: usual
  - name: write-orders
    match: {{path: /orders, methods: [POST]}}
    upstream: echo
    require: {{scopes: [orders:write]}}
    limit: usual
  - name: reports
    match: {{path: /reports, methods: [GET]}}
    upstream: echo
    limit: costly
"""
