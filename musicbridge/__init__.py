"""The site: settings, addresses and servers. Wiring, no logic."""
