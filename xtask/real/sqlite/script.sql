PRAGMA foreign_keys = ON;
CREATE TABLE species (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, grams REAL NOT NULL);
CREATE TABLE sighting (
    id INTEGER PRIMARY KEY,
    species INTEGER NOT NULL REFERENCES species (id),
    place TEXT NOT NULL,
    day TEXT NOT NULL,
    birds INTEGER NOT NULL CHECK (birds > 0)
);
CREATE INDEX sighting_by_place ON sighting (place, day);
INSERT INTO species (name, grams) VALUES ('Dunlin', 48.5), ('Knot', 136.5), ('Curlew', 742.25), ('Ruff', 180);

-- Ten thousand rows from a counter, so that pages split and the index has depth.
BEGIN;
WITH RECURSIVE counter (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < 10000)
INSERT INTO sighting (species, place, day, birds)
SELECT 1 + n * 7 % 3, substr('NorthSouthEast West ', 1 + n % 4 * 5, 5), date('2026-01-01', (n % 300) || ' days'), 1 + n * n % 97
FROM counter;
COMMIT;

SELECT count(*), sum(birds), min(day), max(day) FROM sighting;
SELECT s.name, g.place, count(*), sum(g.birds), round(sum(g.birds) * s.grams / 1000, 2) AS kilograms
FROM sighting AS g JOIN species AS s ON s.id = g.species
GROUP BY s.name, g.place HAVING count(*) > 800 ORDER BY kilograms DESC;
SELECT s.name FROM species AS s LEFT JOIN sighting AS g ON g.species = s.id WHERE g.id IS NULL;
SELECT strftime('%m', day) AS month, sum(birds), avg(birds) > 47.5 FROM sighting WHERE place = 'South' GROUP BY month ORDER BY month;
SELECT day, birds, sum(birds) OVER (ORDER BY day ROWS 2 PRECEDING) FROM (
    SELECT day, sum(birds) AS birds FROM sighting GROUP BY day ORDER BY day LIMIT 5);

BEGIN;
DELETE FROM sighting WHERE birds < 90;
SELECT count(*) FROM sighting;
ROLLBACK;
SELECT count(*) FROM sighting;
UPDATE species SET name = upper(name) WHERE grams > 100;
SELECT group_concat(name, ', ') FROM (SELECT name FROM species ORDER BY grams);
SELECT json_group_array(json_object('name', name, 'grams', grams)) FROM species WHERE id < 3;
SELECT hex(randomblob(4)) = hex(randomblob(4)), typeof(1 / 2.0), 9223372036854775807 + 1, NULL;
PRAGMA integrity_check;
INSERT INTO sighting (species, place, day, birds) VALUES (99, 'Nowhere', '2026-01-01', 1);
