"""A training as a run: from a configuration to a result, kept in a folder."""
