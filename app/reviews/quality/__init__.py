"""What signed readings say of readers: agreement with themselves, with gold, with others, and with a wrong machine."""
