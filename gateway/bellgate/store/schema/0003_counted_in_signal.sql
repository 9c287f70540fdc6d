-- Version 3: how many events of a start are kept, and the highest of their numbers, is what stands in `signal`.

ALTER TABLE bell_boot DROP COLUMN stored;
ALTER TABLE bell_boot DROP COLUMN highest_seq;
