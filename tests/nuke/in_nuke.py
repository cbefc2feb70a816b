"""Run tests inside Nuke: NUKE -t in_nuke.py SITE_PACKAGES PYTEST_ARGUMENT...

SITE_PACKAGES: the folder that holds pytest. pytest and its dependencies are pure Python, so Nuke's Python may have
another version. The folder is searched after all of Nuke's own.
"""

import sys


def main() -> int:
    sys.path.append(sys.argv[1])
    import pytest

    return int(pytest.main(sys.argv[2:]))


raise SystemExit(main())
