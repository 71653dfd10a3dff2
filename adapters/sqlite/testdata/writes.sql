-- put a new record
SELECT `_rev`, `asin`, `category_id` FROM `products` WHERE `asin` = ?
--   1: "B000000001"
INSERT INTO `products` (`asin`, `title`, `imgUrl`, `productURL`, `stars`, `reviews`, `price`, `category_id`, `isBestSeller`, `boughtInLastMonth`, `_rev`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (`asin`) DO NOTHING
--   1: "B000000001"
--   2: "Stainless steel water bottle with straw, double walled, keeps cold for 24 hours, number 1"
--   3: "https://images.example.com/I/B000000001._AC_UL320_.jpg"
--   4: "https://shop.example.com/dp/B000000001"
--   5: 0.1
--   6: 7919
--   7: 4729
--   8: 1
--   9: 0
--   10: 1
--   11: "r1"

-- put an old record
SELECT `_rev`, `asin`, `category_id` FROM `products` WHERE `asin` = ?
--   1: "B000000001"
UPDATE `products` SET `title` = ?, `imgUrl` = ?, `productURL` = ?, `stars` = ?, `reviews` = ?, `price` = ?, `category_id` = ?, `isBestSeller` = ?, `boughtInLastMonth` = ?, `_rev` = ? WHERE `asin` = ?
--   1: "Stainless steel water bottle with straw, double walled, keeps cold for 24 hours, number 1"
--   2: "https://images.example.com/I/B000000001._AC_UL320_.jpg"
--   3: "https://shop.example.com/dp/B000000001"
--   4: 0.1
--   5: 7919
--   6: 4729
--   7: 1
--   8: 0
--   9: 1
--   10: "r1"
--   11: "B000000001"

-- check that nothing refers
SELECT 1 FROM `products` WHERE `category_id` = ? LIMIT 1
--   1: 9

-- check a revision
SELECT `_rev`, `asin` FROM `products` WHERE `asin` = ?
--   1: "B000000001"

-- delete
SELECT `_rev`, `asin` FROM `products` WHERE `asin` = ?
--   1: "B000000001"
DELETE FROM `products` WHERE `asin` = ?
--   1: "B000000001"

-- get three
SELECT `_rev`, `asin`, `title`, `category_id` FROM `products` WHERE `asin` IN (?, ?, ?, ?) AND `category_id` = ?
--   1: "a"
--   2: "b"
--   3: "c"
--   4: "a"
--   5: 9

-- load
INSERT INTO `products` (`asin`, `title`, `imgUrl`, `productURL`, `stars`, `reviews`, `price`, `category_id`, `isBestSeller`, `boughtInLastMonth`, `_rev`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (`asin`) DO UPDATE SET `title` = excluded.`title`, `imgUrl` = excluded.`imgUrl`, `productURL` = excluded.`productURL`, `stars` = excluded.`stars`, `reviews` = excluded.`reviews`, `price` = excluded.`price`, `category_id` = excluded.`category_id`, `isBestSeller` = excluded.`isBestSeller`, `boughtInLastMonth` = excluded.`boughtInLastMonth`, `_rev` = excluded.`_rev` WHERE substr(`products`.`_rev`, 1, length(?)) <> ?
--   1: "B000000001"
--   2: "Stainless steel water bottle with straw, double walled, keeps cold for 24 hours, number 1"
--   3: "https://images.example.com/I/B000000001._AC_UL320_.jpg"
--   4: "https://shop.example.com/dp/B000000001"
--   5: 0.1
--   6: 7919
--   7: 4729
--   8: 1
--   9: 0
--   10: 1
--   11: "run-1"
--   12: "run-"
--   13: "run-"

