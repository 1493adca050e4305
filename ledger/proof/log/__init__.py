"""The log's formats and arithmetic, of no programme: trees, notes, policies, bundles, and the verdict."""
