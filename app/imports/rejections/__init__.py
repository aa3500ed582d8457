"""What imports refused: kept until it passes."""
