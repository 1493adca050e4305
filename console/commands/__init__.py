"""The commands, a module each: `register(parser)` names its arguments, `run(session)` does it, returns the exit code."""
