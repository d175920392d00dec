"""What we know, what we decided, and the application that shows it."""
