"""Whether a shared secret could be guessed: not a measure of randomness, but a net for what people type.

A random secret of sufficient length passes, in whatever encoding. What is refused is a phrase, a placeholder, a
repetition or a run along the alphabet or keyboard, of any length.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log2
from typing import Final

LEAST_BITS: Final = 72.0
"""Least Shannon entropy of what is left of a secret; that of 32 random hexadecimal digits is never below 90."""

_WORDS: Final = """
    access admin administrator after again apikey application auth authentication backend battery bearer before bits
    bytes change changeit changeme characters client company config correct default demo development digits donot dummy
    enough enter example foobar from gateway generate have hello hmac horse hs256 hs384 hs512 https hunter2 insert
    issuer json jwt keep key least length letmein local localhost long longer lorem ipsum dolor master minimum more must
    mysecret never not only ostiary pass passphrase password passw0rd please prod production qwerty qwertz qwertyuiop
    random replace root s3cr3t safe sample secret secretkey secure security server service sha256 shared should sign
    signature signing staple string strong super supersecret symmetric temp test testing than that the this token
    trustno1 unsafe user value very welcome with world you your zxcvbnm asdfghjkl 256 384 512 128
"""
# Longest first, so that no word is cut by another.
_GUESSABLE: Final = re.compile("|".join(sorted(_WORDS.split(), key=len, reverse=True)).encode() + rb"|[\s_.,:;/+-]+")
_RUN: Final = 4


def is_guessable(secret: bytes) -> bool:
    """Whether too little is left of the secret without its words, runs and repetitions."""
    rest = _once(_without_runs(_GUESSABLE.sub(b"", _once(secret.lower()))))
    return _bits(rest) < LEAST_BITS


def _once(text: bytes) -> bytes:
    """The shortest start of the text that, repeated, gives the whole of it."""
    # A text that is cut off within a repetition counts as one, too.
    for period in range(1, len(text) // 2 + 1):
        if text[period:] == text[:-period]:
            return text[:period]
    return text


def _without_runs(text: bytes) -> bytes:
    """The text without stretches in which each byte is the last one plus the same step of -1, 0 or 1."""
    kept = bytearray()
    start = 0
    while start < len(text):
        end = start + 1
        step = text[end] - text[start] if end < len(text) else 0
        while abs(step) <= 1 and end < len(text) and text[end] - text[end - 1] == step:
            end += 1
        if end - start < _RUN:
            end = start + 1
            kept += text[start:end]
        start = end
    return bytes(kept)


def _bits(text: bytes) -> float:
    return sum(count * log2(len(text) / count) for count in Counter(text).values())
