"""How messages are worded: values in a sentence, hints, checks of numbers, and registries that answer unknown names."""
