from django.contrib.admin.apps import AdminConfig


class OperatorAdminConfig(AdminConfig):
    """Django's admin, with the entrance and the front page of operator_site.py."""

    default_site = "config.operator_site.OperatorSite"
