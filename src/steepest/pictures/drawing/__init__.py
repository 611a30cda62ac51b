"""Pictures drawn by matplotlib, from numbers that are computed elsewhere."""
