"""Learning paradigms: one module and one line in `registry` each. Importing the definitions does not import torch."""
