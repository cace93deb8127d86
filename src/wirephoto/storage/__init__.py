"""What is stored: every table and every query, on SQLite and PostgreSQL."""
