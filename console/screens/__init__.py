"""What opens over the war room: the decision card and the smaller questions. None of them acts: they answer."""
