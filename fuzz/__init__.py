"""Coverage-guided fuzzing of everything that reads what a peer sends: ``python -m fuzz [--seconds=N] [TARGET ...]``.

A target is a module of `fuzz.targets` with one function, ``check``, which is given any octets and raises when a law is
broken. Its inputs are kept: what we wrote ourselves under ``fuzz/seeds``, what was found under ``tests/cases/fuzz``.
"""
