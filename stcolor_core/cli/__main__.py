"""`python -m stcolor_core.cli`: the same as `stcolor`."""

import sys

from stcolor_core.cli.command_line import main

sys.exit(main())
