"""TLS on both sides: who the gateway says it is, whom it believes, and how both change while connections live."""

from __future__ import annotations
