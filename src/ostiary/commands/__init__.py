"""One file for each command of the command line; each exposes `command`."""
