from django.conf import settings
from django.db import models

from providers.models import OAuthTokens


class RadiolaAuth(OAuthTokens):
    provider_type = "radiola"
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="radiola_auth")
