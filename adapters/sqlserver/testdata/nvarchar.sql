-- https://learn.microsoft.com/sql/t-sql/data-types/nchar-and-nvarchar-transact-sql
-- https://learn.microsoft.com/sql/t-sql/statements/windows-collation-name-transact-sql

-- name eq 'x'
SET DEADLOCK_PRIORITY HIGH; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT TOP (3) [_rev], [id$octets] FROM [shop].[items] WHERE [name$octets] = @p1 ORDER BY [id$octets]
--   1: varbinary 78

-- contains(note, 'x')
SET DEADLOCK_PRIORITY HIGH; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT TOP (3) [_rev], [id$octets] FROM [shop].[items] WHERE (CHARINDEX(@p1, CAST([note] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2) > 0) ORDER BY [id$octets]
--   1: nvarchar "x"

-- tags has 'x'
SET DEADLOCK_PRIORITY HIGH; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT TOP (3) [_rev], [id$octets] FROM [shop].[items] WHERE (EXISTS (SELECT 1 FROM OPENJSON(CASE WHEN ISJSON(CAST([tags] AS nvarchar(max))) = 1 THEN CAST([tags] AS nvarchar(max)) END) AS item WHERE item.[type] = 1 AND item.[value] COLLATE Latin1_General_100_BIN2 = @p1 AND DATALENGTH(item.[value]) = DATALENGTH(@p1))) ORDER BY [id$octets]
--   1: nvarchar "x"

-- put if absent
BEGIN TRANSACTION -- Read Committed
INSERT INTO [shop].[items] ([id], [id$octets], [name], [name$octets], [note], [note$octets], [count], [ratio], [price], [flag], [made], [blob], [tags], [extra], [_rev]) SELECT @p1, CONVERT(varbinary(max), @p2), @p3, CONVERT(varbinary(max), @p4), @p5, CONVERT(varbinary(max), @p6), @p7, @p8, CAST(@p9 AS decimal(19,2)), @p10, CONVERT(datetime2(6), @p11, 126), CONVERT(varbinary(max), @p12), @p13, @p14, @p15 WHERE NOT EXISTS (SELECT 1 FROM [shop].[items] WHERE [id$octets] = @p2)
--   1: nvarchar(max) "a"
--   2: varbinary 61
--   3: nvarchar(max) "ü 😀"
--   4: varbinary c3bc20f09f9880
--   5: nvarchar null
--   6: nvarchar null
--   7: bigint 7
--   8: float 0.5
--   9: nvarchar(max) "19.99"
--   10: bigint 1
--   11: nvarchar(max) "2026-01-02T03:04:05.678901"
--   12: varbinary 0001
--   13: nvarchar(max) "[\"a\"]"
--   14: nvarchar null
--   15: nvarchar(max) "r1"
COMMIT

-- put always
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
UPDATE [shop].[items] SET [name] = @p1, [name$octets] = CONVERT(varbinary(max), @p2), [note] = @p3, [note$octets] = CONVERT(varbinary(max), @p4), [count] = @p5, [ratio] = @p6, [price] = CAST(@p7 AS decimal(19,2)), [flag] = @p8, [made] = CONVERT(datetime2(6), @p9, 126), [blob] = CONVERT(varbinary(max), @p10), [tags] = @p11, [extra] = @p12, [_rev] = @p13 WHERE [id$octets] = @p14
--   1: nvarchar(max) "ü 😀"
--   2: varbinary c3bc20f09f9880
--   3: nvarchar null
--   4: nvarchar null
--   5: bigint 7
--   6: float 0.5
--   7: nvarchar(max) "19.99"
--   8: bigint 1
--   9: nvarchar(max) "2026-01-02T03:04:05.678901"
--   10: varbinary 0001
--   11: nvarchar(max) "[\"a\"]"
--   12: nvarchar null
--   13: nvarchar(max) "r2"
--   14: varbinary 61
COMMIT

-- delete at a revision
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
DELETE FROM [shop].[items] WHERE [id$octets] = @p1
--   1: varbinary 61
COMMIT

-- by name desc, count, behind a cursor
SET DEADLOCK_PRIORITY HIGH; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT TOP (3) * FROM (SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [name$octets], [count] FROM [shop].[items] WHERE [name$octets] = @p1 AND [count] = @p2 AND [id$octets] > @p3 ORDER BY [name$octets] DESC, [count], [id$octets]) AS leg0 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [name$octets], [count] FROM [shop].[items] WHERE [name$octets] = @p1 AND [count] > @p2 ORDER BY [name$octets] DESC, [count], [id$octets]) AS leg1 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [name$octets], [count] FROM [shop].[items] WHERE [name$octets] < @p1 ORDER BY [name$octets] DESC, [count], [id$octets]) AS leg2 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) [_rev], [id$octets], [name$octets], [count] FROM [shop].[items] WHERE [name$octets] IS NULL ORDER BY [name$octets] DESC, [count], [id$octets]) AS leg3 (c0, c1, c2, c3)) AS page ORDER BY c2 DESC, c3, c1
--   1: varbinary 78
--   2: bigint 5
--   3: varbinary 61

-- aggregate price by name
SET DEADLOCK_PRIORITY HIGH; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT TOP (11) '', [name$octets], count(*), 0, 0, min([price]), 0, 0, count([price]), CAST(SUM([price] * CAST(1 AS decimal(1, 0))) AS varchar(60)), 0 FROM [shop].[items] GROUP BY [name$octets] ORDER BY 2

