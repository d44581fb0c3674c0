"""Playlists carried from one service to another: matched, planned, applied, and kept that way."""
