"""A trained model at work: scores, errors, and what its goodness tells."""
