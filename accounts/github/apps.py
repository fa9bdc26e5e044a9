from django.apps import AppConfig


class GitHubConfig(AppConfig):
    name = "accounts.github"
    label = "accounts_github"
