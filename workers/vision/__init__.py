"""Arrays in and out: features of landmarks, photos decoded, results drawn. No model code."""
