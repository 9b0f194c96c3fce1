"""A worker as in production: the real warden, whose child has another body for inference jobs."""

import sys

from workers.warden import Warden, python

if __name__ == "__main__":
    sys.exit(Warden(python("tests.faults.child", *sys.argv[1:])).run())
