"""Runs tests inside Nuke: NUKE -t in_nuke.py SITE_PACKAGES PYTEST_ARGUMENT...

SITE_PACKAGES: where pytest is; it and what it needs are Python alone, so the Nuke's Python need not be the same. What
else is there comes after all of Nuke's own.
"""

import sys


def main() -> int:
    sys.path.append(sys.argv[1])
    import pytest

    return int(pytest.main(sys.argv[2:]))


raise SystemExit(main())
