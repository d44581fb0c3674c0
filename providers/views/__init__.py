"""The pages. They know services only through the registry."""
