"""Reviews: lists of ECGs that readers claim, read blind or assisted, and sign; what these readings say of readers."""
