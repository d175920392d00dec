"""Deploy backends (traffic weights): one file each, named after the adapter."""
