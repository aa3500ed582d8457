"""A trained model as a folder: the files, the model card, and the network built from them."""
