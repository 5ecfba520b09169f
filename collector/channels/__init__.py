"""How notices reach people and programs: one short file for each way."""
