"""Blind means blind: what a user may not be shown while reading an ECG blind, and what a user has been shown before."""
