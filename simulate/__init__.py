"""The simulated shop: a seeded generator of users, products, sessions and orders, with plantable defects."""
