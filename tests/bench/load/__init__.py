"""Many watchers, long runs and hostile input: CPU, memory and waits, measured from the outside."""
