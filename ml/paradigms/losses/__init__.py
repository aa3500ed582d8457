"""The losses of the paradigms, each a function that a test compares with a loop written from the equation."""
