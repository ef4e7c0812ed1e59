"""The laws, one module for each reader."""
