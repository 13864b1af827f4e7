"""Language models: one protocol, three ways to reach one, and what keeps money and replies safe around them."""
