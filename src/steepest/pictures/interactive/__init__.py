"""Pictures to turn, enlarge and ask for numbers, by plotly, from numbers that are computed elsewhere."""
