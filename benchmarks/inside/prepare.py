"""Makes the database: ada, who has linked Last.fm, and bo, who has linked nothing."""

import django
from django.core.management import call_command

if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)

    from django.contrib.auth import get_user_model

    from providers.models import LastFMAuth

    ada = get_user_model().objects.create_user("ada")
    LastFMAuth.objects.create(user=ada, username="ada", session_key="session")
    get_user_model().objects.create_user("bo")
