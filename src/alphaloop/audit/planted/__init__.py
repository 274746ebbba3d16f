"""Functions with a leak planted in each, and clean ones that look like them: the audit's own examination."""
