"""Tokens and keys: JWS (RFC 7515), JWK (RFC 7517), JWA (RFC 7518), JWT (RFC 7519), as RFC 8725 advises."""

from __future__ import annotations
