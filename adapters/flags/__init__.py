"""Feature-flag backends: one file each, named after the adapter."""
