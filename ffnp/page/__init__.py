"""A page to draw on: networks in one HTML file, which answers by itself in any browser."""
