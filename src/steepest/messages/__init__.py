"""Word messages: values in sentences, hints, checks of numbers, and registries that report unknown names."""
