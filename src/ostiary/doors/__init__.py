"""The other ways to the decision than the built-in proxy: each translates in, calls, and translates out."""
