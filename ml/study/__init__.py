"""A study: many training runs on one dataset, and the paper's tables and figures made of them."""
