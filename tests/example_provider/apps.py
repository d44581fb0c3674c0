from django.apps import AppConfig


class RadiolaConfig(AppConfig):
    name = "tests.example_provider"
    label = "radiola"
