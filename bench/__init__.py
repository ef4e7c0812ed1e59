"""The benchmark: Ostiary and its peers side by side, in CPU-microseconds per request. Run as ``python -m bench``.

Reading order: `spec` says what every gateway is asked to do, `peers` start them, `load` and `websocket` drive them,
`probes` prove that they do the work, `measure` takes the figures, `cases` list what is compared, `report` writes the
table.
"""
