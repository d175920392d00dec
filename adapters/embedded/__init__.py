"""A seeded world behind all three Protocols, for demos, drills and tests."""
