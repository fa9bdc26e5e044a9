from allauth.socialaccount.providers.oauth2.urls import default_urlpatterns

from accounts.openhumans.provider import OpenHumansProvider

urlpatterns = default_urlpatterns(OpenHumansProvider)
