-- count by []
SELECT '', count(*), 0, 0, count(`count`), sum(`count` >> 32), sum(`count` & 4294967295), count(`count`), sum(`count` >> 32), sum(`count` & 4294967295), min(`count`), 0, 0, max(`count`), 0, 0 FROM `things` WHERE `count` IS NOT NULL

-- count by [kind flag]
SELECT '', `kind`, `flag`, count(*), 0, 0, count(`count`), sum(`count` >> 32), sum(`count` & 4294967295), count(`count`), sum(`count` >> 32), sum(`count` & 4294967295), min(`count`), 0, 0, max(`count`), 0, 0 FROM `things` WHERE `count` IS NOT NULL GROUP BY `kind`, `flag` ORDER BY 2, 3 LIMIT 11

-- price by []
SELECT '', count(*), 0, 0, count(`price`), sum(`price` >> 32), sum(`price` & 4294967295), count(`price`), sum(`price` >> 32), sum(`price` & 4294967295), min(`price`), 0, 0, max(`price`), 0, 0 FROM `things` WHERE `price` IS NOT NULL

-- price by [kind flag]
SELECT '', `kind`, `flag`, count(*), 0, 0, count(`price`), sum(`price` >> 32), sum(`price` & 4294967295), count(`price`), sum(`price` >> 32), sum(`price` & 4294967295), min(`price`), 0, 0, max(`price`), 0, 0 FROM `things` WHERE `price` IS NOT NULL GROUP BY `kind`, `flag` ORDER BY 2, 3 LIMIT 11

-- ratio by []
SELECT '', count(*), 0, 0, sum(`ratio`), 0, 0, avg(`ratio`), 0, 0, min(`ratio`), 0, 0, max(`ratio`), 0, 0 FROM `things` WHERE `ratio` IS NOT NULL

-- ratio by [kind flag]
SELECT '', `kind`, `flag`, count(*), 0, 0, sum(`ratio`), 0, 0, avg(`ratio`), 0, 0, min(`ratio`), 0, 0, max(`ratio`), 0, 0 FROM `things` WHERE `ratio` IS NOT NULL GROUP BY `kind`, `flag` ORDER BY 2, 3 LIMIT 11

