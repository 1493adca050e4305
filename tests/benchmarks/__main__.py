"""`python -m tests.benchmarks` is `make bench`."""

from tests.benchmarks.bench import main

main()
