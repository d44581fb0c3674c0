"""Measurements: `make bench`. Ratios within one run, for machines drift."""
