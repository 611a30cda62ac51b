"""Media: one file each. They know how to write expressions and lines, nothing about where these come from."""
