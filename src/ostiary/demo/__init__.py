"""Everything that `ostiary demo` puts around a real gateway: an identity provider, an echo API and a guided tour.

Nothing here is for production, and nothing outside this package and the `demo` and `token` commands imports it.
"""
