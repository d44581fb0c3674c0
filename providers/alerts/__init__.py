"""Telling people, wherever they like to be told, that something needs them.

An alert is a row (`Alert.note`), written in the transaction of what it tells of. It is no receiver of a signal: those
are sent after the commit, so that a process that dies in between would lose it, and nobody would find out.
"""
