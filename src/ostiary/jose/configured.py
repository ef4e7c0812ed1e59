"""From an issuer's configuration to the source of its keys."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ostiary.jose.fetch import Fetcher
from ostiary.jose.jwk import secret_key
from ostiary.jose.jwks import events, read
from ostiary.jose.key import KeySet
from ostiary.jose.loaders import DiscoveryLoader, FileLoader, UrlLoader
from ostiary.jose.refreshed import RefreshedKeys
from ostiary.jose.source import FixedKeys, KeyEvent

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from ostiary.config.model import Issuer
    from ostiary.jose.loaders import Loader
    from ostiary.jose.source import KeySource


def ignore(event: KeyEvent) -> None:
    """Let an event pass unheard."""


def key_source(
    name: str,
    issuer: Issuer,
    alert: Callable[[KeyEvent], None] = ignore,
    *,
    clock: Callable[[], float] = time.monotonic,
    tls: ssl.SSLContext | None = None,
) -> KeySource:
    """Return the source of the keys of `issuer`, called `name`.

    `alert` hears of what an operator should know; it must not raise. `tls` replaces the system's trust anchors.
    Raises ValueError if keys given in the configuration itself are unusable.
    """
    keys = issuer.keys
    if keys.secret is not None:
        return FixedKeys(KeySet([secret_key(keys.secret.get_secret_value(), issuer.algorithms)], ignores_kid=True))
    if keys.inline is not None:
        inline, ignored = read(msgspec.json.encode(keys.inline), issuer.algorithms, keys.max_keys)
        for event in events(name, ignored):
            alert(event)
        return FixedKeys(KeySet(inline))
    loader: Loader
    fetcher = Fetcher(keys.max_bytes, insecure=keys.allow_insecure_http, tls=tls)
    if keys.file is not None:
        loader = FileLoader(Path(keys.file), keys.max_bytes)
    elif keys.jwks_url is not None:
        loader = UrlLoader(fetcher, keys.jwks_url)
    else:
        loader = DiscoveryLoader(fetcher, issuer.issuer)
    return RefreshedKeys(name, issuer, loader, alert, clock=clock)
