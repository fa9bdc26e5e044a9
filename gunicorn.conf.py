"""Read by every gunicorn that is started here, whatever stands on its command line."""

# Without the query: the addresses to which both services send members back hold codes.
access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(L)s'
