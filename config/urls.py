from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from accounts.urls import legacy_urlpatterns
from config.health import healthz, readyz
from config.metrics import metrics

handler500 = "config.failures.broken"

urlpatterns = [
    path("", include("sync.urls")),
    path("accounts/", include("accounts.urls")),
    path("", include(legacy_urlpatterns)),
    path(settings.ADMIN_PATH, admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
