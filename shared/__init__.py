"""The language every wing speaks: jobs, states, events, routes, ports and settings.

Nothing here knows HTTP, Celery's worker side or a media library; the adapters are its only I/O.
"""
