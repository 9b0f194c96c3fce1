"""Flower as a process of its own: ``python -m client.local.flower_app``, then Flower's options.

It watches with the application of gateways and workers: where the broker keeps what follows from our settings,
and an application without them sees an empty broker. The ``celery`` command isn't used because its ``-A`` looks
for our packages where the user stands before it looks where they are installed.
"""

import sys

from shared.adapters.celery_queue import make_celery
from shared.settings import Settings

app = make_celery(Settings())

if __name__ == "__main__":
    app.start(["flower", *sys.argv[1:]])
