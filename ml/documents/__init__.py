"""How text is written into documents for people: XML, SVG, HTML and CSV."""
