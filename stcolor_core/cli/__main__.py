"""Run `stcolor` as `python -m stcolor_core.cli`."""

import sys

from stcolor_core.cli.command_line import main

sys.exit(main())
