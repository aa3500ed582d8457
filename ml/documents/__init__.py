"""How text is written into documents for people: XML, SVG and HTML."""
