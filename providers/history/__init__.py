"""Bringing listens home."""
