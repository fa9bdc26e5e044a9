"""Every difference between one deployment and another comes from the environment; see README, "Settings"."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import environment as env
from config import error_reports

BASE_DIR = Path(__file__).resolve().parent.parent
env.load_env_file(BASE_DIR / ".env")

# --- Who we are -------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG")
SECRET_KEY = env.text("SECRET_KEY", wants="a long random text (at least 50 characters)")
if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("SECRET_KEY is too short. It wants at least 50 random characters.")
SITE_URL = env.site_url("SITE_URL")
SITE_NAME = "GitHub for Open Humans"
HAS_HTTPS = SITE_URL.startswith("https://")
# Who runs this site and how to reach them; members read it.
OPERATOR_NAME = env.text("OPERATOR_NAME", "")
OPERATOR_CONTACT = env.text("OPERATOR_CONTACT", "")
OPERATOR_URL = env.optional_url("OPERATOR_URL")
# Behind a proxy that ends TLS, the name of the header it sets, e.g. X-Forwarded-Proto.
PROXY_HEADER = env.text("PROXY_SSL_HEADER", "")
# Behind a proxy, the name of the header whose last entry is the visitor's address, e.g. X-Forwarded-For.
PROXY_ADDRESS_HEADER = env.text("PROXY_ADDRESS_HEADER", "")
ALLOWED_HOSTS = [str(urlsplit(SITE_URL).hostname), *env.host_names("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [SITE_URL]
# Keys that encrypt tokens and staged records at rest; see accounts/encryption.py.
TOKEN_KEYS = env.token_keys("TOKEN_KEYS")

# Where the operators' admin lives, and whether a one-time code is needed there beside the pass phrase.
ADMIN_PATH = env.text("ADMIN_PATH", "admin/").strip("/") + "/"
OTP_REQUIRED = env.flag("OTP_REQUIRED", default=HAS_HTTPS)
OTP_TOTP_ISSUER = SITE_NAME

# --- The two outside services -----------------------------------------------------------------

OPENHUMANS_URL = env.url("OPENHUMANS_URL", "https://www.openhumans.org")
OPENHUMANS_CLIENT_ID = env.text("OPENHUMANS_CLIENT_ID", wants="the client id of the project on Open Humans")
OPENHUMANS_CLIENT_SECRET = env.text(
    "OPENHUMANS_CLIENT_SECRET", wants="the client secret of the project on Open Humans"
)
OPENHUMANS_WEBHOOK_SECRET = env.text("OPENHUMANS_WEBHOOK_SECRET", "")
GITHUB_URL = env.url("GITHUB_URL", "https://github.com")
GITHUB_API_URL = env.url("GITHUB_API_URL", "https://api.github.com")
GITHUB_CLIENT_ID = env.text("GITHUB_CLIENT_ID", wants="the client id of the OAuth App on GitHub")
GITHUB_CLIENT_SECRET = env.text("GITHUB_CLIENT_SECRET", wants="the client secret of the OAuth App on GitHub")
# Send the redirect addresses of the app before this one, which both services have registered already.
LEGACY_CALLBACKS = env.flag("LEGACY_CALLBACKS")
# True only under `make run` without credentials: both services are stand-ins on this machine.
SANDBOX = env.flag("SANDBOX")
if SANDBOX and not all(map(env.is_loopback, (OPENHUMANS_URL, GITHUB_URL, GITHUB_API_URL))):
    raise ImproperlyConfigured("SANDBOX wants OPENHUMANS_URL, GITHUB_URL and GITHUB_API_URL on this machine.")

# So long a page waits for Open Humans, in all; checks.py refuses what lets the page be cut off.
WEB_ANSWER_SECONDS = env.number("WEB_ANSWER_SECONDS", 20, minimum=1, maximum=600)

# --- Numbers of the engine, in seconds unless named otherwise ------------------------------------

CENTURY_DAYS = 36_525
SYNC_LEASE_SECONDS = env.number("SYNC_LEASE_SECONDS", 180, minimum=1)
SYNC_NUDGE_SECONDS = env.number("SYNC_NUDGE_SECONDS", 600, minimum=1)
SYNC_STEP_REQUESTS = env.whole_number("SYNC_STEP_REQUESTS", 20, minimum=1)
SYNC_STEP_SECONDS = env.number("SYNC_STEP_SECONDS", 60, minimum=1)
SYNC_DUE_DAYS = env.number("SYNC_DUE_DAYS", 4, minimum=0.0001, maximum=CENTURY_DAYS)
SYNC_SETTLING_HOURS = env.number("SYNC_SETTLING_HOURS", 48, maximum=CENTURY_DAYS * 24)
SYNC_SCAN_LIMIT = env.whole_number("SYNC_SCAN_LIMIT", 1000, minimum=1)
SYNC_WAIT_FLOOR_SECONDS = env.number("SYNC_WAIT_FLOOR_SECONDS", 60, minimum=0.1)
SYNC_UPDATE_NOW_SECONDS = env.number("SYNC_UPDATE_NOW_SECONDS", 300)
# GPS tracks: what one file may be at the most, and how many of one repository are looked at.
TRACKS_FILE_MB = env.whole_number("TRACKS_FILE_MB", 32, minimum=1)
TRACKS_POINTS = env.whole_number("TRACKS_POINTS", 500_000, minimum=2)
TRACKS_SECONDS = env.whole_number("TRACKS_SECONDS", 30, minimum=1)
TRACKS_FILES_PER_REPOSITORY = env.whole_number("TRACKS_FILES_PER_REPOSITORY", 5000, minimum=1)
GITHUB_HOURLY_LIMIT = env.whole_number("GITHUB_HOURLY_LIMIT", 5000, minimum=1)

# --- Members who left, in days -----------------------------------------------------------------------

# Until the credentials of somebody whose Open Humans token was found dead are given back and deleted.
LEFT_ACCESS_DAYS = env.number("LEFT_ACCESS_DAYS", 14, maximum=CENTURY_DAYS)
# Until the rows of somebody who left are deleted.
LEFT_ROWS_DAYS = env.number("LEFT_ROWS_DAYS", 90, maximum=CENTURY_DAYS)
# Each Open Humans token is proved alive at least this often.
PROVE_ALIVE_DAYS = env.number("PROVE_ALIVE_DAYS", 7, minimum=0.01, maximum=CENTURY_DAYS)

# The file outside of the database that remembers who was erased; see sync/leaving/erasures.py.
ERASURE_LIST = env.text("ERASURE_LIST", "")

# --- Django ---------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "accounts",
    "sync",
    "config.apps.OperatorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "accounts.openhumans",
    "accounts.github",
    "csp",
    "django_htmx",
    "django_dramatiq",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
]
MIDDLEWARE = [
    "config.metrics.CountRequests",
    "config.health.AcceptProbes",
    # Before whatever may refuse a request, so that the refusal is guarded too.
    "config.headers.MoreHeaders",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Pages hold nothing that both is secret and repeats: form tokens are masked anew each time.
    "config.headers.CompressPages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.failures.PagesForWrongMethods",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context_processors.site",
            ],
        },
    },
]

DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        env.database_url("DATABASE_URL"),
        # A new connection costs more than most pages; one that died is noticed and replaced.
        conn_max_age=300,
        conn_health_checks=True,
    )
}
# A server that packets no longer reach is noticed within seconds; sockets by themselves wait for minutes.
# What DATABASE_URL says itself comes first.
PATIENCE_WITH_POSTGRES = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
DATABASES["default"]["OPTIONS"] = PATIENCE_WITH_POSTGRES | DATABASES["default"].get("OPTIONS", {})
REDIS_URL = env.redis_url("REDIS_URL")


def _redis_database(number: int) -> str:
    """dramatiq wants a Redis database to itself (its maintenance scans all keys); others hold the rest."""
    return urlsplit(REDIS_URL)._replace(path=f"/{number}").geturl()


BROKER_URL = _redis_database(0)
BUDGET_URL = _redis_database(1)
# A page may ask Redis three times (limit, message, sums) and goes on without it: Open Humans' webhook has to
# be answered within a second all the same.
REDIS_FOR_PAGES = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _redis_database(2),
        "OPTIONS": REDIS_FOR_PAGES,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
# periodiq reads cron expressions in this zone.
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "config" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- People -----------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/"
LOGIN_REDIRECT_URL = "/dashboard/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_SIGNUP_FIELDS = ["username*"]
SOCIALACCOUNT_ADAPTER = "accounts.adapter.SocialAccountAdapter"
SOCIALACCOUNT_ONLY = True
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_QUERY_EMAIL = False
# Tokens go to accounts.Credential, encrypted; allauth itself would keep them in clear text.
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = {
    "openhumans": {
        "APPS": [{"client_id": OPENHUMANS_CLIENT_ID, "secret": OPENHUMANS_CLIENT_SECRET, "key": ""}],
        "OAUTH_PKCE_ENABLED": True,
    },
    "github": {
        "APPS": [{"client_id": GITHUB_CLIENT_ID, "secret": GITHUB_CLIENT_SECRET, "key": ""}],
        "OAUTH_PKCE_ENABLED": True,
    },
}

# --- Background work ----------------------------------------------------------------------------------

DRAMATIQ_AUTODISCOVER_MODULES = ("actors",)
DRAMATIQ_BROKER: dict[str, Any] = {
    "BROKER": "config.worker.PromptBroker",
    # A dead worker's messages come back after the time-out; the default chance of looking for them
    # (one command in a thousand) would take minutes on a quiet queue.
    "OPTIONS": {"url": BROKER_URL, "heartbeat_timeout": 30_000, "maintenance_chance": 1_000_000},
    # `after_*` hooks run in reverse order, so connections are closed last when they stand first.
    "MIDDLEWARE": [
        "config.worker.TrustRecentConnections",
        "dramatiq.middleware.AgeLimit",
        "dramatiq.middleware.TimeLimit",
        "dramatiq.middleware.ShutdownNotifications",
        "dramatiq.middleware.Callbacks",
        "config.worker.DurableRetries",
        "config.worker.RefuseWrongSettings",
        "config.worker.NoMoreThanThreads",
        "config.worker.ScanAtStart",
        "config.worker.FlushCounters",
        "dramatiq.middleware.CurrentMessage",
        "periodiq.PeriodiqMiddleware",
    ],
}

# --- Browser security -----------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        # Chromium applies form-action to the redirects that follow a form, so the sign-in pages are named.
        "form-action": [SELF, OPENHUMANS_URL, GITHUB_URL],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_SSL_REDIRECT = HAS_HTTPS and bool(PROXY_HEADER)
# Probes come without TLS, from beside the proxy.
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HAS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HAS_HTTPS
SECURE_HSTS_PRELOAD = HAS_HTTPS
if PROXY_HEADER:
    SECURE_PROXY_SSL_HEADER = ("HTTP_" + PROXY_HEADER.upper().replace("-", "_"), "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HAS_HTTPS
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600

# --- Watching -------------------------------------------------------------------------------------------

# Who shows it sees the details of /readyz, and /metrics; without it nobody does.
STATUS_TOKEN = env.text("STATUS_TOKEN", "")
# /readyz complains when the last scan is longer ago, in seconds; more than a day where only a cron scans.
SCAN_AGE_LIMIT_SECONDS = env.number("SCAN_AGE_LIMIT_SECONDS", 600, minimum=1)
# Called after each scan, so that somebody notices when there are none.
HEARTBEAT_URL = env.optional_url("HEARTBEAT_URL")
METRICS_URL = _redis_database(2)
LOG_LEVEL = env.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error", "critical")).upper()
# JSON for machines in production, plain lines for people beside it.
LOG_FORMAT = env.choice("LOG_FORMAT", "plain" if DEBUG or SANDBOX else "json", ("json", "plain"))
SECRETS = (
    SECRET_KEY,
    OPENHUMANS_CLIENT_SECRET,
    OPENHUMANS_WEBHOOK_SECRET,
    GITHUB_CLIENT_SECRET,
    STATUS_TOKEN,
    *env.text("TOKEN_KEYS").replace(" ", "").split(","),
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"scrub": {"()": "config.logging.Scrub", "secrets": SECRETS}},
    "formatters": {
        "plain": {"()": "config.logging.PlainFormatter"},
        "json": {"()": "config.logging.JsonFormatter"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["scrub"]}
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # Kept whatever LOG_LEVEL says: where there is no ERASURE_LIST, this is it.
        "sync.leaving.erasures": {"level": "INFO"},
        # These may print whole URLs or headers at debug level.
        **{name: {"level": "WARNING"} for name in ("urllib3", "oauthlib", "requests_oauthlib", "redis")},
        # These bring handlers of their own.
        **{name: {"handlers": ["console"], "propagate": False} for name in ("django", "gunicorn.error")},
    },
}
# Where errors are reported, if anywhere; see config/error_reports.py for what a report never holds.
SENTRY_DSN = env.report_address("SENTRY_DSN")
if SENTRY_DSN:
    error_reports.start(SENTRY_DSN, SECRETS)

from config import checks  # noqa: E402, F401  (registers what `manage.py check` runs)
