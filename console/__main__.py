"""`python -m console` is `csat-ledger`."""

import sys

from console.main import main

sys.exit(main())
