"""The project's own expectations: one module per question, each with what it needs and how it judges."""
