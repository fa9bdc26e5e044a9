"""What gunicorn serves: `gunicorn config.wsgi:application`."""

import os

import dramatiq
from django.core.wsgi import get_wsgi_application

from config.checks import refuse_wrong_settings
from config.worker import answer_soon

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
refuse_wrong_settings()
answer_soon(dramatiq.get_broker())
