"""Radiola, an invented service, as a third party brings one: this app in INSTALLED_APPS, `provider` in PROVIDERS."""
