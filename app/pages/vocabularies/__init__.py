"""Pages of the vocabulary: versions, what is not understood, terms added, previews, activation."""
