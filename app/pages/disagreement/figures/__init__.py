"""Figures as SVG: within a page in the page's colours, and alone as a file with its own."""
