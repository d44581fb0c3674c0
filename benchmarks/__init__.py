"""Measurements: `make bench`. Peers, floors and musicbridge side by side; ratios within one run, for machines drift."""
