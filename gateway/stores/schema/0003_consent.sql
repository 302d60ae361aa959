-- The consent that a marketing message rests on, as its application named it (TLV 0x1502).
ALTER TABLE message ADD COLUMN consent TEXT;
