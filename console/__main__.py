"""`python -m console` is `csat-ledger`."""

import sys

from console.cli.entry import main

sys.exit(main())
