-- kind eq 'b', by id, behind []
SELECT `_rev`, `id`, `price` FROM `things` WHERE `kind` = ? ORDER BY `id` LIMIT 3
--   1: "b"

-- kind eq 'b', by id desc, behind []
SELECT `_rev`, `id`, `price` FROM `things` WHERE `kind` = ? ORDER BY `id` DESC LIMIT 3
--   1: "b"

-- kind eq 'b', by id, behind ["a"]
SELECT `_rev`, `id`, `price` FROM `things` WHERE `kind` = ? AND `id` > ? ORDER BY `id` LIMIT 3
--   1: "b"
--   2: "a"

-- kind eq 'b', by id desc, behind ["a"]
SELECT `_rev`, `id`, `price` FROM `things` WHERE `kind` = ? AND `id` < ? ORDER BY `id` DESC LIMIT 3
--   1: "b"
--   2: "a"

-- kind eq 'b', by count, behind [5,"a"]
SELECT * FROM (SELECT `_rev`, `id`, `price`, `count` FROM `things` WHERE `kind` = ? AND `count` = ? AND `id` > ? ORDER BY `count`, `id` LIMIT 3) AS leg0 UNION ALL SELECT * FROM (SELECT `_rev`, `id`, `price`, `count` FROM `things` WHERE `kind` = ? AND `count` > ? ORDER BY `count`, `id` LIMIT 3) AS leg1 LIMIT 3
--   1: "b"
--   2: 5
--   3: "a"
--   4: "b"
--   5: 5

-- kind eq 'b', by count, behind [null,"a"]
SELECT * FROM (SELECT `_rev`, `id`, `price`, `count` FROM `things` WHERE `kind` = ? AND `count` IS NULL AND `id` > ? ORDER BY `count`, `id` LIMIT 3) AS leg0 UNION ALL SELECT * FROM (SELECT `_rev`, `id`, `price`, `count` FROM `things` WHERE `kind` = ? AND `count` IS NOT NULL ORDER BY `count`, `id` LIMIT 3) AS leg1 LIMIT 3
--   1: "b"
--   2: "a"
--   3: "b"

-- kind eq 'b', by count desc, behind [5,"a"]
SELECT * FROM (SELECT `_rev`, `id`, `price`, `count` FROM `things` WHERE `kind` = ? AND `count` = ? AND `id` < ? ORDER BY `count` DESC, `id` DESC LIMIT 3) AS leg0 UNION ALL SELECT * FROM (SELECT `_rev`, `id`, `price`, `count` FROM `things` WHERE `kind` = ? AND `count` < ? ORDER BY `count` DESC, `id` DESC LIMIT 3) AS leg1 UNION ALL SELECT * FROM (SELECT `_rev`, `id`, `price`, `count` FROM `things` WHERE `kind` = ? AND `count` IS NULL ORDER BY `count` DESC, `id` DESC LIMIT 3) AS leg2 LIMIT 3
--   1: "b"
--   2: 5
--   3: "a"
--   4: "b"
--   5: 5
--   6: "b"

-- kind eq 'b', by count desc, behind [null,"a"]
SELECT `_rev`, `id`, `price`, `count` FROM `things` WHERE `kind` = ? AND `count` IS NULL AND `id` < ? ORDER BY `count` DESC, `id` DESC LIMIT 3
--   1: "b"
--   2: "a"

-- kind eq 'b', by name desc, count, behind ["x",5,"a"]
SELECT * FROM (SELECT `_rev`, `id`, `price`, `name`, `count` FROM `things` WHERE `kind` = ? AND `name` = ? AND `count` = ? AND `id` > ? ORDER BY `name` DESC, `count`, `id` LIMIT 3) AS leg0 UNION ALL SELECT * FROM (SELECT `_rev`, `id`, `price`, `name`, `count` FROM `things` WHERE `kind` = ? AND `name` = ? AND `count` > ? ORDER BY `name` DESC, `count`, `id` LIMIT 3) AS leg1 UNION ALL SELECT * FROM (SELECT `_rev`, `id`, `price`, `name`, `count` FROM `things` WHERE `kind` = ? AND `name` < ? ORDER BY `name` DESC, `count`, `id` LIMIT 3) AS leg2 UNION ALL SELECT * FROM (SELECT `_rev`, `id`, `price`, `name`, `count` FROM `things` WHERE `kind` = ? AND `name` IS NULL ORDER BY `name` DESC, `count`, `id` LIMIT 3) AS leg3 LIMIT 3
--   1: "b"
--   2: "x"
--   3: 5
--   4: "a"
--   5: "b"
--   6: "x"
--   7: 5
--   8: "b"
--   9: "x"
--   10: "b"

-- kind eq 'b', by name desc, count, behind [null,null,"a"]
SELECT * FROM (SELECT `_rev`, `id`, `price`, `name`, `count` FROM `things` WHERE `kind` = ? AND `name` IS NULL AND `count` IS NULL AND `id` > ? ORDER BY `name` DESC, `count`, `id` LIMIT 3) AS leg0 UNION ALL SELECT * FROM (SELECT `_rev`, `id`, `price`, `name`, `count` FROM `things` WHERE `kind` = ? AND `name` IS NULL AND `count` IS NOT NULL ORDER BY `name` DESC, `count`, `id` LIMIT 3) AS leg1 LIMIT 3
--   1: "b"
--   2: "a"
--   3: "b"

