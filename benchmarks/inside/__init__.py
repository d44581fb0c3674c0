"""What runs inside a site of its own, as a process of its own: its environment says which database that is."""
