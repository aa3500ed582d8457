"""Several processes: messages between parent and child, run folders, durable files, distributed gradients."""
