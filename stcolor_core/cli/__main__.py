"""Run `stcolor` as `python -m stcolor_core.cli`."""

import sys

from stcolor_core.cli import main

sys.exit(main())
