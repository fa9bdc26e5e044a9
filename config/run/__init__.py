"""Starts and supervises the processes of the service: `python -m config.run --help`.

Nothing here imports Django, the settings or the apps: this package only starts programs, so it works
before anything is configured and keeps working when one of them is broken.
"""
