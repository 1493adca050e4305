"""`python -m console` is `csat-ledger`."""

import sys

from console.entry import main

sys.exit(main())
