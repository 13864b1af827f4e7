"""What a model wrote, turned into a program or into the reason why not. Pure."""
