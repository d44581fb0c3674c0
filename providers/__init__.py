"""The reusable app: links a person's music services and speaks to them through five capability protocols."""

__version__ = "0.1.0"
