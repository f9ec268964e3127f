"""A project as values: its files read, its nodes parsed, their settings resolved, kept for the next command."""
