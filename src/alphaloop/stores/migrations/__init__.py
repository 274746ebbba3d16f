"""The way of a database from empty to `stores.tables`, one step per release that changed it."""
