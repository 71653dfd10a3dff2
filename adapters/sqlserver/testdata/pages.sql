-- https://learn.microsoft.com/sql/t-sql/queries/top-transact-sql
-- https://learn.microsoft.com/sql/t-sql/queries/from-transact-sql
-- https://learn.microsoft.com/sql/t-sql/language-elements/set-operators-union-transact-sql
-- https://learn.microsoft.com/sql/t-sql/queries/select-order-by-clause-transact-sql

-- kind eq 'b', by id, behind []
SELECT TOP (3) [_rev], [id$octets], [price] FROM [things] WHERE [kind$octets] = @p1 ORDER BY [id$octets]
--   1: varbinary 62

-- kind eq 'b', by id desc, behind []
SELECT TOP (3) [_rev], [id$octets], [price] FROM [things] WHERE [kind$octets] = @p1 ORDER BY [id$octets] DESC
--   1: varbinary 62

-- kind eq 'b', by id, behind ["a"]
SELECT TOP (3) [_rev], [id$octets], [price] FROM [things] WHERE [kind$octets] = @p1 AND [id$octets] > @p2 ORDER BY [id$octets]
--   1: varbinary 62
--   2: varbinary 61

-- kind eq 'b', by id desc, behind ["a"]
SELECT TOP (3) [_rev], [id$octets], [price] FROM [things] WHERE [kind$octets] = @p1 AND [id$octets] < @p2 ORDER BY [id$octets] DESC
--   1: varbinary 62
--   2: varbinary 61

-- kind eq 'b', by count, behind []
SELECT TOP (3) [_rev], [id$octets], [price], [count] FROM [things] WHERE [kind$octets] = @p1 ORDER BY [count], [id$octets]
--   1: varbinary 62

-- kind eq 'b', by count desc, behind []
SELECT TOP (3) [_rev], [id$octets], [price], [count] FROM [things] WHERE [kind$octets] = @p1 ORDER BY [count] DESC, [id$octets] DESC
--   1: varbinary 62

-- kind eq 'b', by count, behind [5,"a"]
SELECT TOP (3) * FROM (SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [count] FROM [things] WHERE [kind$octets] = @p1 AND [count] = @p2 AND [id$octets] > @p3 ORDER BY [count], [id$octets]) AS leg0 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [count] FROM [things] WHERE [kind$octets] = @p1 AND [count] > @p2 ORDER BY [count], [id$octets]) AS leg1 (c0, c1, c2, c3)) AS page ORDER BY c3, c1
--   1: varbinary 62
--   2: bigint 5
--   3: varbinary 61

-- kind eq 'b', by count, behind [null,"a"]
SELECT TOP (3) * FROM (SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [count] FROM [things] WHERE [kind$octets] = @p1 AND [count] IS NULL AND [id$octets] > @p2 ORDER BY [count], [id$octets]) AS leg0 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [count] FROM [things] WHERE [kind$octets] = @p1 AND [count] IS NOT NULL ORDER BY [count], [id$octets]) AS leg1 (c0, c1, c2, c3)) AS page ORDER BY c3, c1
--   1: varbinary 62
--   2: varbinary 61

-- kind eq 'b', by count desc, behind [5,"a"]
SELECT TOP (3) * FROM (SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [count] FROM [things] WHERE [kind$octets] = @p1 AND [count] = @p2 AND [id$octets] < @p3 ORDER BY [count] DESC, [id$octets] DESC) AS leg0 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [count] FROM [things] WHERE [kind$octets] = @p1 AND [count] < @p2 ORDER BY [count] DESC, [id$octets] DESC) AS leg1 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [count] FROM [things] WHERE [kind$octets] = @p1 AND [count] IS NULL ORDER BY [count] DESC, [id$octets] DESC) AS leg2 (c0, c1, c2, c3)) AS page ORDER BY c3 DESC, c1 DESC
--   1: varbinary 62
--   2: bigint 5
--   3: varbinary 61

-- kind eq 'b', by count desc, behind [null,"a"]
SELECT TOP (3) [_rev], [id$octets], [price], [count] FROM [things] WHERE [kind$octets] = @p1 AND [count] IS NULL AND [id$octets] < @p2 ORDER BY [count] DESC, [id$octets] DESC
--   1: varbinary 62
--   2: varbinary 61

-- kind eq 'b', by flag desc, behind [true,"a"]
SELECT TOP (3) * FROM (SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [flag] FROM [things] WHERE [kind$octets] = @p1 AND [flag] = CAST(@p2 AS bit) AND [id$octets] < @p3 ORDER BY [flag] DESC, [id$octets] DESC) AS leg0 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [flag] FROM [things] WHERE [kind$octets] = @p1 AND [flag] < CAST(@p2 AS bit) ORDER BY [flag] DESC, [id$octets] DESC) AS leg1 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [flag] FROM [things] WHERE [kind$octets] = @p1 AND [flag] IS NULL ORDER BY [flag] DESC, [id$octets] DESC) AS leg2 (c0, c1, c2, c3)) AS page ORDER BY c3 DESC, c1 DESC
--   1: varbinary 62
--   2: bigint 1
--   3: varbinary 61

-- kind eq 'b', by ratio, behind [1.5,"a"]
SELECT TOP (3) * FROM (SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [ratio] FROM [things] WHERE [kind$octets] = @p1 AND [ratio] = @p2 AND [id$octets] > @p3 ORDER BY [ratio], [id$octets]) AS leg0 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [ratio] FROM [things] WHERE [kind$octets] = @p1 AND [ratio] > @p2 ORDER BY [ratio], [id$octets]) AS leg1 (c0, c1, c2, c3)) AS page ORDER BY c3, c1
--   1: varbinary 62
--   2: float 1.5
--   3: varbinary 61

-- kind eq 'b', by price, behind [1.50,"a"]
SELECT TOP (3) * FROM (SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price] FROM [things] WHERE [kind$octets] = @p1 AND [price] = CAST(@p2 AS decimal(19,2)) AND [id$octets] > @p3 ORDER BY [price], [id$octets]) AS leg0 (c0, c1, c2) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price] FROM [things] WHERE [kind$octets] = @p1 AND [price] > CAST(@p2 AS decimal(19,2)) ORDER BY [price], [id$octets]) AS leg1 (c0, c1, c2)) AS page ORDER BY c2, c1
--   1: varbinary 62
--   2: nvarchar "1.50"
--   3: varbinary 61

-- kind eq 'b', by made, behind ["1970-01-01T00:00:00.000001Z","a"]
SELECT TOP (3) * FROM (SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [made] FROM [things] WHERE [kind$octets] = @p1 AND [made] = CONVERT(datetime2(6), @p2, 126) AND [id$octets] > @p3 ORDER BY [made], [id$octets]) AS leg0 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [made] FROM [things] WHERE [kind$octets] = @p1 AND [made] > CONVERT(datetime2(6), @p2, 126) ORDER BY [made], [id$octets]) AS leg1 (c0, c1, c2, c3)) AS page ORDER BY c3, c1
--   1: varbinary 62
--   2: nvarchar "1970-01-01T00:00:00.000001"
--   3: varbinary 61

-- kind eq 'b', by name desc, count, behind ["x",5,"a"]
SELECT TOP (3) * FROM (SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [name$octets], [count] FROM [things] WHERE [kind$octets] = @p1 AND [name$octets] = @p2 AND [count] = @p3 AND [id$octets] > @p4 ORDER BY [name$octets] DESC, [count], [id$octets]) AS leg0 (c0, c1, c2, c3, c4) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [name$octets], [count] FROM [things] WHERE [kind$octets] = @p1 AND [name$octets] = @p2 AND [count] > @p3 ORDER BY [name$octets] DESC, [count], [id$octets]) AS leg1 (c0, c1, c2, c3, c4) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [name$octets], [count] FROM [things] WHERE [kind$octets] = @p1 AND [name$octets] < @p2 ORDER BY [name$octets] DESC, [count], [id$octets]) AS leg2 (c0, c1, c2, c3, c4) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [name$octets], [count] FROM [things] WHERE [kind$octets] = @p1 AND [name$octets] IS NULL ORDER BY [name$octets] DESC, [count], [id$octets]) AS leg3 (c0, c1, c2, c3, c4)) AS page ORDER BY c3 DESC, c4, c1
--   1: varbinary 62
--   2: varbinary 78
--   3: bigint 5
--   4: varbinary 61

-- kind eq 'b', by name desc, count, behind [null,null,"a"]
SELECT TOP (3) * FROM (SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [name$octets], [count] FROM [things] WHERE [kind$octets] = @p1 AND [name$octets] IS NULL AND [count] IS NULL AND [id$octets] > @p2 ORDER BY [name$octets] DESC, [count], [id$octets]) AS leg0 (c0, c1, c2, c3, c4) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [price], [name$octets], [count] FROM [things] WHERE [kind$octets] = @p1 AND [name$octets] IS NULL AND [count] IS NOT NULL ORDER BY [name$octets] DESC, [count], [id$octets]) AS leg1 (c0, c1, c2, c3, c4)) AS page ORDER BY c3 DESC, c4, c1
--   1: varbinary 62
--   2: varbinary 61

