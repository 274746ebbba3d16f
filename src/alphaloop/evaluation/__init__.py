"""What a model's probabilities are worth: scores with intervals, diagnoses, a conclusion in words, a report page."""
