"""How well songs are found in a library: a labelled set of tracks, and the measurement by it."""
