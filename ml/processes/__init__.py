"""Processes together: messages between parent and child, run folders, gradients of several processes."""
