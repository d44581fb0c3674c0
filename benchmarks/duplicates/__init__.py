"""How well duplicates are found: a labelled set of pairs of plays, and the measurement by it."""
