"""The commands, a module each: `register(parser)` names its arguments, `run(session)` returns the exit code."""
