from django.apps import AppConfig


class OpenHumansConfig(AppConfig):
    name = "accounts.openhumans"
    label = "accounts_openhumans"
