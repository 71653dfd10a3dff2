-- name eq 'x'
SELECT `_rev`, `id` FROM `things` WHERE `name` = ? ORDER BY `id` LIMIT 3
--   1: "x"

-- not (name eq 'x')
SELECT `_rev`, `id` FROM `things` WHERE (`name` <> ? OR `name` IS NULL) ORDER BY `id` LIMIT 3
--   1: "x"

-- name ne 'x'
SELECT `_rev`, `id` FROM `things` WHERE (`name` <> ? OR `name` IS NULL) ORDER BY `id` LIMIT 3
--   1: "x"

-- not (name ne 'x')
SELECT `_rev`, `id` FROM `things` WHERE `name` = ? ORDER BY `id` LIMIT 3
--   1: "x"

-- name lt 'x'
SELECT `_rev`, `id` FROM `things` WHERE `name` < ? ORDER BY `id` LIMIT 3
--   1: "x"

-- not (name lt 'x')
SELECT `_rev`, `id` FROM `things` WHERE (`name` >= ? OR `name` IS NULL) ORDER BY `id` LIMIT 3
--   1: "x"

-- name le 'x'
SELECT `_rev`, `id` FROM `things` WHERE `name` <= ? ORDER BY `id` LIMIT 3
--   1: "x"

-- not (name le 'x')
SELECT `_rev`, `id` FROM `things` WHERE (`name` > ? OR `name` IS NULL) ORDER BY `id` LIMIT 3
--   1: "x"

-- name gt 'x'
SELECT `_rev`, `id` FROM `things` WHERE `name` > ? ORDER BY `id` LIMIT 3
--   1: "x"

-- not (name gt 'x')
SELECT `_rev`, `id` FROM `things` WHERE (`name` <= ? OR `name` IS NULL) ORDER BY `id` LIMIT 3
--   1: "x"

-- name ge 'x'
SELECT `_rev`, `id` FROM `things` WHERE `name` >= ? ORDER BY `id` LIMIT 3
--   1: "x"

-- not (name ge 'x')
SELECT `_rev`, `id` FROM `things` WHERE (`name` < ? OR `name` IS NULL) ORDER BY `id` LIMIT 3
--   1: "x"

-- name eq null
SELECT `_rev`, `id` FROM `things` WHERE `name` IS NULL ORDER BY `id` LIMIT 3

-- not (name eq null)
SELECT `_rev`, `id` FROM `things` WHERE `name` IS NOT NULL ORDER BY `id` LIMIT 3

-- name ne null
SELECT `_rev`, `id` FROM `things` WHERE `name` IS NOT NULL ORDER BY `id` LIMIT 3

-- not (name ne null)
SELECT `_rev`, `id` FROM `things` WHERE `name` IS NULL ORDER BY `id` LIMIT 3

-- name in ('x', 'y')
SELECT `_rev`, `id` FROM `things` WHERE `name` IN (?, ?) ORDER BY `id` LIMIT 3
--   1: "x"
--   2: "y"

-- not (name in ('x', 'y'))
SELECT `_rev`, `id` FROM `things` WHERE (`name` NOT IN (?, ?) OR `name` IS NULL) ORDER BY `id` LIMIT 3
--   1: "x"
--   2: "y"

-- name in ('x', 'y', 'z', null)
SELECT `_rev`, `id` FROM `things` WHERE (`name` IN (?, ?, ?, ?) OR `name` IS NULL) ORDER BY `id` LIMIT 3
--   1: "x"
--   2: "y"
--   3: "z"
--   4: "z"

-- not (name in ('x', 'y', 'z', null))
SELECT `_rev`, `id` FROM `things` WHERE `name` NOT IN (?, ?, ?, ?) ORDER BY `id` LIMIT 3
--   1: "x"
--   2: "y"
--   3: "z"
--   4: "z"

-- name in (null)
SELECT `_rev`, `id` FROM `things` WHERE `name` IS NULL ORDER BY `id` LIMIT 3

-- not (name in (null))
SELECT `_rev`, `id` FROM `things` WHERE `name` IS NOT NULL ORDER BY `id` LIMIT 3

-- contains(name, 'x')
SELECT `_rev`, `id` FROM `things` WHERE (instr(`name`, ?) > 0) ORDER BY `id` LIMIT 3
--   1: "x"

-- not (contains(name, 'x'))
SELECT `_rev`, `id` FROM `things` WHERE (NOT (instr(`name`, ?) > 0) OR `name` IS NULL) ORDER BY `id` LIMIT 3
--   1: "x"

-- startswith(name, 'x')
SELECT `_rev`, `id` FROM `things` WHERE (`name` >= ? AND `name` < ?) ORDER BY `id` LIMIT 3
--   1: "x"
--   2: "y"

-- not (startswith(name, 'x'))
SELECT `_rev`, `id` FROM `things` WHERE (NOT (`name` >= ? AND `name` < ?) OR `name` IS NULL) ORDER BY `id` LIMIT 3
--   1: "x"
--   2: "y"

-- endswith(name, 'x')
SELECT `_rev`, `id` FROM `things` WHERE (substr(`name`, -length(?)) = ?) ORDER BY `id` LIMIT 3
--   1: "x"
--   2: "x"

-- not (endswith(name, 'x'))
SELECT `_rev`, `id` FROM `things` WHERE (NOT (substr(`name`, -length(?)) = ?) OR `name` IS NULL) ORDER BY `id` LIMIT 3
--   1: "x"
--   2: "x"

-- contains(name, '')
SELECT `_rev`, `id` FROM `things` WHERE `name` IS NOT NULL ORDER BY `id` LIMIT 3

-- not (contains(name, ''))
SELECT `_rev`, `id` FROM `things` WHERE `name` IS NULL ORDER BY `id` LIMIT 3

-- startswith(name, '')
SELECT `_rev`, `id` FROM `things` WHERE `name` IS NOT NULL ORDER BY `id` LIMIT 3

-- not (startswith(name, ''))
SELECT `_rev`, `id` FROM `things` WHERE `name` IS NULL ORDER BY `id` LIMIT 3

-- endswith(name, '')
SELECT `_rev`, `id` FROM `things` WHERE `name` IS NOT NULL ORDER BY `id` LIMIT 3

-- not (endswith(name, ''))
SELECT `_rev`, `id` FROM `things` WHERE `name` IS NULL ORDER BY `id` LIMIT 3

-- tags has 'x'
SELECT `_rev`, `id` FROM `things` WHERE (EXISTS (SELECT 1 FROM json_each(`tags`) WHERE value = ?)) ORDER BY `id` LIMIT 3
--   1: "x"

-- not (tags has 'x')
SELECT `_rev`, `id` FROM `things` WHERE (NOT (EXISTS (SELECT 1 FROM json_each(`tags`) WHERE value = ?)) OR `tags` IS NULL) ORDER BY `id` LIMIT 3
--   1: "x"

-- sizes has 7
SELECT `_rev`, `id` FROM `things` WHERE (instr(',' || substr(`sizes`, 2, length(`sizes`) - 2) || ',', ?) > 0) ORDER BY `id` LIMIT 3
--   1: ",7,"

-- not (sizes has 7)
SELECT `_rev`, `id` FROM `things` WHERE (NOT (instr(',' || substr(`sizes`, 2, length(`sizes`) - 2) || ',', ?) > 0) OR `sizes` IS NULL) ORDER BY `id` LIMIT 3
--   1: ",7,"

-- tags eq null
SELECT `_rev`, `id` FROM `things` WHERE `tags` IS NULL ORDER BY `id` LIMIT 3

-- not (tags eq null)
SELECT `_rev`, `id` FROM `things` WHERE `tags` IS NOT NULL ORDER BY `id` LIMIT 3

-- sizes ne null
SELECT `_rev`, `id` FROM `things` WHERE `sizes` IS NOT NULL ORDER BY `id` LIMIT 3

-- not (sizes ne null)
SELECT `_rev`, `id` FROM `things` WHERE `sizes` IS NULL ORDER BY `id` LIMIT 3

-- extra eq null
SELECT `_rev`, `id` FROM `things` WHERE `extra` IS NULL ORDER BY `id` LIMIT 3

-- not (extra eq null)
SELECT `_rev`, `id` FROM `things` WHERE `extra` IS NOT NULL ORDER BY `id` LIMIT 3

-- flag
SELECT `_rev`, `id` FROM `things` WHERE `flag` = ? ORDER BY `id` LIMIT 3
--   1: 1

-- not (flag)
SELECT `_rev`, `id` FROM `things` WHERE (`flag` <> ? OR `flag` IS NULL) ORDER BY `id` LIMIT 3
--   1: 1

-- flag eq false
SELECT `_rev`, `id` FROM `things` WHERE `flag` = ? ORDER BY `id` LIMIT 3
--   1: 0

-- not (flag eq false)
SELECT `_rev`, `id` FROM `things` WHERE (`flag` <> ? OR `flag` IS NULL) ORDER BY `id` LIMIT 3
--   1: 0

-- count gt 5
SELECT `_rev`, `id` FROM `things` WHERE `count` > ? ORDER BY `id` LIMIT 3
--   1: 5

-- not (count gt 5)
SELECT `_rev`, `id` FROM `things` WHERE (`count` <= ? OR `count` IS NULL) ORDER BY `id` LIMIT 3
--   1: 5

-- ratio le 1.5
SELECT `_rev`, `id` FROM `things` WHERE `ratio` <= ? ORDER BY `id` LIMIT 3
--   1: 1.5

-- not (ratio le 1.5)
SELECT `_rev`, `id` FROM `things` WHERE (`ratio` > ? OR `ratio` IS NULL) ORDER BY `id` LIMIT 3
--   1: 1.5

-- price ge 1.5
SELECT `_rev`, `id` FROM `things` WHERE `price` >= ? ORDER BY `id` LIMIT 3
--   1: 150

-- not (price ge 1.5)
SELECT `_rev`, `id` FROM `things` WHERE (`price` < ? OR `price` IS NULL) ORDER BY `id` LIMIT 3
--   1: 150

-- made lt 2026-01-01T00:00:00Z
SELECT `_rev`, `id` FROM `things` WHERE `made` < ? ORDER BY `id` LIMIT 3
--   1: 1767225600000000

-- not (made lt 2026-01-01T00:00:00Z)
SELECT `_rev`, `id` FROM `things` WHERE (`made` >= ? OR `made` IS NULL) ORDER BY `id` LIMIT 3
--   1: 1767225600000000

-- blob eq 'AAE='
SELECT `_rev`, `id` FROM `things` WHERE `blob` = ? ORDER BY `id` LIMIT 3
--   1: 0001

-- not (blob eq 'AAE=')
SELECT `_rev`, `id` FROM `things` WHERE (`blob` <> ? OR `blob` IS NULL) ORDER BY `id` LIMIT 3
--   1: 0001

-- id in ('a', 'b')
SELECT `_rev`, `id` FROM `things` WHERE `id` IN (?, ?) ORDER BY `id` LIMIT 3
--   1: "a"
--   2: "b"

-- not (id in ('a', 'b'))
SELECT `_rev`, `id` FROM `things` WHERE (`id` NOT IN (?, ?) OR `id` IS NULL) ORDER BY `id` LIMIT 3
--   1: "a"
--   2: "b"

-- flag and (count eq 1 or not (name eq 'x' and price gt 2))
SELECT `_rev`, `id` FROM `things` WHERE ((((`price` <= ? OR `price` IS NULL) OR (`name` <> ? OR `name` IS NULL)) OR `count` = ?) AND `flag` = ?) ORDER BY `id` LIMIT 3
--   1: 200
--   2: "x"
--   3: 1
--   4: 1

-- not (flag and (count eq 1 or not (name eq 'x' and price gt 2)))
SELECT `_rev`, `id` FROM `things` WHERE (((`price` > ? AND `name` = ?) AND (`count` <> ? OR `count` IS NULL)) OR (`flag` <> ? OR `flag` IS NULL)) ORDER BY `id` LIMIT 3
--   1: 200
--   2: "x"
--   3: 1
--   4: 1

