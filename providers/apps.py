"""The app's entry in INSTALLED_APPS."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProvidersConfig(AppConfig):
    """Music services and the links to them."""

    name = "providers"
    verbose_name = _("Music services")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and keep what pages are made of out of the logs."""
        from providers import checks, debug, site_checks  # noqa: F401, Django wants checks imported when apps are ready

        debug.keep_contexts_out_of_logs()
