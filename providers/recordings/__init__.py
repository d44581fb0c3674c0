"""What the names of a recording say, and whether two name the same one: pure text, for histories and playlists."""
