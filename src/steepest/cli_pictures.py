"""The commands that draw: graph, diagram."""
