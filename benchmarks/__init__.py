"""Measurements: run them with `make bench`; they print ratios beside absolute figures."""
