"""The fingerprint of RSA moduli made by a broken generator (ROCA, CVE-2017-15361).

Its primes are 65537 to some power, plus a multiple of a product of small primes. So is the modulus, which makes it a
power of 65537 modulo each of them: a property that one honest modulus in some hundred million has.
"""

from __future__ import annotations

from functools import cache
from typing import Final

_GENERATOR: Final = 65537
_PRIMES: Final = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
                  107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167)  # fmt: skip


@cache
def _powers(prime: int) -> frozenset[int]:
    """The subgroup that 65537 generates modulo `prime`."""
    return frozenset(pow(_GENERATOR, exponent, prime) for exponent in range(prime))


def is_roca(modulus: int) -> bool:
    """Tell whether `modulus` bears the fingerprint."""
    return all(modulus % prime in _powers(prime) for prime in _PRIMES)
