"""Where columns come from: from a mart's column back to the field of the store it was landed from."""
