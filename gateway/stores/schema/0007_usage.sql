-- What a start needs at once, kept as sums, so that no history is read through for it.

-- Segments by account and quarter of an hour (Unix time; days begin with one in every time zone), of all messages but
-- those that ended without a try. Each commit that takes or gives back messages changes their sum.
CREATE TABLE usage (
    account  INTEGER NOT NULL,
    quarter  INTEGER NOT NULL,
    segments INTEGER NOT NULL,
    PRIMARY KEY (account, quarter)
) STRICT, WITHOUT ROWID;
INSERT INTO usage
    SELECT account, ((id >> 22) + 1704067200000) / 900000, sum(parts) FROM message
    WHERE id >= (SELECT max(id) FROM message) - (2764800000 << 22)  -- 32 days: no month is longer
        AND NOT CASE  -- as answers.never_left says it
            WHEN coalesce(tries, 0) > 0 THEN 0
            WHEN state = 4 THEN coalesce(sent_at, 0) = 0 AND coalesce(error, '') = ''
            WHEN state IN (3, 8) THEN coalesce(error, '') BETWEEN '0401' AND '0409' AND length(error) = 4
            ELSE 0 END
    GROUP BY 1, 2;

-- Doubtful replies are few among the opt-outs.
CREATE INDEX optout_in_review ON optout (until) WHERE state = 2;
