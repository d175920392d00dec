"""Metrics backends, read only: one file each, named after the adapter."""
