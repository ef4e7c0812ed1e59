"""Everything that one route requires of an identity, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.authorize.claims import ClaimDomain, ClaimOneOf
from ostiary.authorize.roles import AnyRole
from ostiary.authorize.scopes import AllScopes, AnyScope

if TYPE_CHECKING:
    from ostiary.config.model import ClaimRule, Require
    from ostiary.decision.stages import Authorizer


def compile_requirements(require: Require) -> tuple[Authorizer, ...]:
    """Turn a route's `require` section into the conditions to check, in the order in which they are written."""
    conditions: list[Authorizer] = []
    if require.scopes:
        conditions.append(AllScopes(require.scopes))
    if require.any_scope is not None:
        conditions.append(AnyScope(require.any_scope))
    if require.roles is not None:
        conditions.append(AnyRole(require.roles))
    conditions.extend(_claim(rule) for rule in require.claims)
    return tuple(conditions)


def _claim(rule: ClaimRule) -> Authorizer:
    if rule.domain is not None:
        return ClaimDomain(rule.claim, rule.domain)
    return ClaimOneOf(rule.claim, rule.one_of or ())
