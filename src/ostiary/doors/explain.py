"""The door that lets nobody in: it asks for the decision on a request that nobody sent, and tells how it came about.

The request is made canonical and decided on by the same functions as at the proxy's door (law 1); nothing goes
upstream. What depends on a connection is left out: timeouts and the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ostiary.authenticate.identity import IdentityReader
from ostiary.credentials.bearer import bearer
from ostiary.credentials.cookie import take_cookie
from ostiary.decision.decision import Allowed
from ostiary.decision.outcome import Refusal
from ostiary.doors.hidden import HIDDEN, hide_fields, hide_parameters
from ostiary.http.head import END
from ostiary.http.headers import Kind
from ostiary.http.request import MALFORMED, Request, read_request
from ostiary.http.request_id import new_request_id
from ostiary.http.websocket import Handshake
from ostiary.jose.strict_json import parse_object
from ostiary.jose.token import MAX_BRACKETS, MalformedToken, parse
from ostiary.jose.verify import VerifiedToken
from ostiary.limit.limiter import LimitOutcome
from ostiary.proxy.answers import refusal_answer
from ostiary.routes.route import Route

if TYPE_CHECKING:
    from ostiary.config.model import Config
    from ostiary.decision.decision import Decision
    from ostiary.http.headers import HeaderPolicy
    from ostiary.proxy.door import ProxyDoor


class Ask(msgspec.Struct, frozen=True):
    """The request in question: its head as it would be on the wire, without the empty line, and the peer's address."""

    head: bytes
    client: str


class Finding(msgspec.Struct, frozen=True):
    """What one stage found. `passed` is False for the stage that stopped the request; `facts` are for people."""

    stage: str
    passed: bool
    verdict: str
    facts: dict[str, str] = {}


class Explanation(msgspec.Struct, frozen=True):
    """Each stage that was reached, in order, and the outcome.

    `upstream` is the head that would go upstream, "" if refused; `answer` the refusal as it would be sent, "" if
    allowed. Neither shows a credential.
    """

    allowed: bool
    findings: tuple[Finding, ...]
    upstream: str = ""
    answer: str = ""


async def explain(config: Config, door: ProxyDoor, ask: Ask, wall: float, mono: float) -> Explanation:
    """Decide on `ask` at `wall` (Unix seconds) and `mono` (monotonic seconds), and tell how.

    `door` is the proxy's, compiled from `config`; what is taken from a limit is taken from the store that it was given.
    """
    found = read_request(ask.head + END, door.peer((ask.client, 0)), door.fields, door.bounds)
    request = found[0] if found is not None else MALFORMED
    if isinstance(request, Refusal):
        method = ask.head.partition(b" ")[0]
        # They are case-sensitive (RFC 9110 section 9.1), which whoever types one by hand may not think of.
        facts = {"method": "methods are upper case: GET, POST"} if method != method.upper() else {}
        finding = Finding("canonical", passed=False, verdict=_refused(request), facts=facts)
        return Explanation(allowed=False, findings=(finding,), answer=_answer(request, new_request_id(), b""))
    told = _Told(config, request, wall)
    told.findings.append(_canonical(request, ask, door.fields))
    decision = await door.pipeline.decide(request, wall, mono, told.observe)
    return _outcome(decision, request, told)


def _outcome(decision: Decision, request: Request, told: _Told) -> Explanation:
    if isinstance(decision, Allowed):
        grant = decision.grant
        keeps = grant.keeps_authorization
        taken = take_cookie(request, decision.route.websocket_cookie)
        if not isinstance(taken, Refusal):  # which was decided on
            request = taken
        shown = msgspec.structs.replace(
            request,
            authorization=(HIDDEN,) if request.authorization else (),
            passed=hide_fields(request.passed),
            target=msgspec.structs.replace(request.target, raw=hide_parameters(request.target.raw)),
        )
        wish = request.handshake
        if isinstance(wish, Handshake) and decision.route.websocket:
            head = shown.switching_head(wish, grant.identity_fields, keeps_authorization=keeps)
        else:
            head = shown.head(grant.identity_fields, keeps_authorization=keeps)
        return Explanation(allowed=True, findings=tuple(told.findings), upstream=head.decode("latin-1"))
    last = told.findings[-1]
    if last.passed:  # the pipeline itself refused, for what this stage did not find
        told.findings[-1] = msgspec.structs.replace(last, passed=False, verdict=_refused(decision.refusal))
    answer = _answer(decision.refusal, request.caller.request_id, decision.fields)
    return Explanation(allowed=False, findings=tuple(told.findings), answer=answer)


class _Told:
    """Puts into words what the pipeline tells of its stages."""

    def __init__(self, config: Config, request: Request, wall: float) -> None:
        self.findings: list[Finding] = []
        self._wall = wall
        self._config = config
        self._request = request
        self._token: VerifiedToken | None = None
        self._route = ""

    def observe(self, stage: str, found: object) -> None:
        """Take one finding. See `Pipeline.decide`."""
        if isinstance(found, Refusal):
            finding = Finding(stage, passed=False, verdict=_refused(found), facts=self._wanted(stage))
        elif isinstance(found, Route):
            finding = self._route_found(found)
        elif isinstance(found, VerifiedToken):
            finding = self._token_found(found)
        elif isinstance(found, LimitOutcome):
            finding = self._limit_found(found)
        elif isinstance(found, Handshake):
            finding = Finding(stage, passed=True, verdict="may be opened, if the service agrees")
        elif stage == "authorize":
            finding = Finding(stage, passed=True, verdict="may pass", facts=self._wanted(stage))
        else:
            finding = Finding(stage, passed=True, verdict="nothing found")
        self.findings.append(finding)
        if isinstance(found, Route):
            self.findings.append(_credential(take_cookie(self._request, found.websocket_cookie)))

    def _route_found(self, route: Route) -> Finding:
        self._route = route.name
        rule = next(rule for rule in self._config.routes if rule.name == route.name)
        facts = {
            "path": rule.match.path,
            "hosts": " ".join(rule.match.hosts),
            "methods": "any" if rule.match.methods is None else " ".join(rule.match.methods),
            "upstream": f"{rule.upstream} ({' '.join(self._config.upstreams[rule.upstream].targets)})",
            "issuers": " ".join(sorted(route.issuers)) or "none",
            "anonymous": "allowed" if route.anonymous else "refused",
        }
        return Finding("route", passed=True, verdict=route.name, facts=facts)

    def _token_found(self, token: VerifiedToken) -> Finding:
        self._token = token
        facts = {
            "key": f"{token.key.kty} {token.key.kid or '(unnamed)'}",
            "subject": token.subject,
            "expires": "never" if token.exp == float("inf") else f"{token.exp:.0f}, in {token.exp - self._wall:.0f} s",
        }
        return Finding("authenticate", passed=True, verdict=f"verified, of issuer {token.issuer}", facts=facts)

    def _limit_found(self, found: LimitOutcome) -> Finding:
        fields = dict(line.split(": ", 1) for line in found.fields.decode("latin-1").splitlines())
        if found.allowed:
            return Finding("limit", passed=True, verdict="within the limit, if nothing was used of it", facts=fields)
        return Finding("limit", passed=False, verdict="over the limit", facts=fields)

    def _wanted(self, stage: str) -> dict[str, str]:
        """What the route requires, beside what the token has."""
        if stage != "authorize" or self._token is None:
            return {}
        rule = next(rule for rule in self._config.routes if rule.name == self._route)
        required = rule.require.model_dump(mode="json", exclude_defaults=True)
        token = self._token
        reader = IdentityReader(token.issuer, self._config.issuers[token.issuer])
        identity = reader.read(token.take_claims())
        facts = {f"requires {name}": msgspec.json.encode(value).decode() for name, value in required.items()}
        if not isinstance(identity, Refusal):
            facts["has scopes"] = " ".join(identity.scopes_in_order) or "none"
            facts["has roles"] = " ".join(identity.roles) or "none"
        return facts


def _canonical(request: Request, ask: Ask, policy: HeaderPolicy) -> Finding:
    facts = {"host": request.host, "path": request.path, "client": request.client}
    names = [line.partition(b":")[0] for line in ask.head.split(b"\r\n")[1:]]
    if stripped := [name.decode("latin-1") for name in names if policy.kind(name) is Kind.STRIP]:
        facts["stripped"] = " ".join(stripped)
    return Finding(
        "canonical",
        passed=True,
        verdict=f"{request.method} {hide_parameters(request.target.raw).decode('ascii')}",
        facts=facts,
    )


def _credential(request: Request | Refusal) -> Finding:
    """Say what a credential claims to be; whether to believe it is for the next stages."""
    if isinstance(request, Refusal):
        return Finding("credential", passed=True, verdict=_refused(request))
    token = bearer(request.authorization)
    if not isinstance(token, bytes):
        verdict = "of another kind than Bearer" if request.authorization else "none"
        return Finding("credential", passed=True, verdict=_refused(token) if isinstance(token, Refusal) else verdict)
    try:
        parsed = parse(token)
        claims = parse_object(parsed.payload, MAX_BRACKETS)
    except (MalformedToken, ValueError):
        return Finding("credential", passed=True, verdict="a bearer token that cannot be read")
    facts = {"alg": parsed.header.alg, "kid": parsed.header.kid or "(none)"}
    facts |= {name: msgspec.json.encode(claims[name]).decode() for name in ("iss", "aud", "exp") if name in claims}
    return Finding("credential", passed=True, verdict="a bearer token; unverified, it says", facts=facts)


def _refused(refusal: Refusal) -> str:
    return f"{refusal.reason.status} {refusal.reason.code}: {refusal.detail or refusal.reason.title}"


def _answer(refusal: Refusal, request_id: bytes, fields: bytes) -> str:
    return refusal_answer(refusal, request_id, fields, head=False, close=False).decode("utf-8", "replace")
