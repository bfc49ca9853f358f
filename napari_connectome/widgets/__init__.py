"""The dock widgets: the only part that knows Qt."""
