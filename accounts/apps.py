from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        # Before `sync` registers its own: a run may start only once the tokens are stored.
        from accounts import tokens  # noqa: F401  (registers receivers)
