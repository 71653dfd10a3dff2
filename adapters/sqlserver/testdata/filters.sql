-- https://learn.microsoft.com/sql/t-sql/language-elements/comparison-operators-transact-sql
-- https://learn.microsoft.com/sql/t-sql/functions/charindex-transact-sql
-- https://learn.microsoft.com/sql/t-sql/functions/datalength-transact-sql
-- https://learn.microsoft.com/sql/t-sql/functions/openjson-transact-sql
-- https://learn.microsoft.com/sql/t-sql/functions/isjson-transact-sql
-- https://learn.microsoft.com/sql/t-sql/functions/cast-and-convert-transact-sql

-- name eq 'x'
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] = @p1 ORDER BY [id$octets]
--   1: varbinary 78

-- not (name eq 'x')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([name$octets] <> @p1 OR [name$octets] IS NULL) ORDER BY [id$octets]
--   1: varbinary 78

-- name ne 'x'
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([name$octets] <> @p1 OR [name$octets] IS NULL) ORDER BY [id$octets]
--   1: varbinary 78

-- not (name ne 'x')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] = @p1 ORDER BY [id$octets]
--   1: varbinary 78

-- name lt 'x'
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] < @p1 ORDER BY [id$octets]
--   1: varbinary 78

-- not (name lt 'x')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([name$octets] >= @p1 OR [name$octets] IS NULL) ORDER BY [id$octets]
--   1: varbinary 78

-- name le 'x'
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] <= @p1 ORDER BY [id$octets]
--   1: varbinary 78

-- not (name le 'x')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([name$octets] > @p1 OR [name$octets] IS NULL) ORDER BY [id$octets]
--   1: varbinary 78

-- name gt 'x'
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] > @p1 ORDER BY [id$octets]
--   1: varbinary 78

-- not (name gt 'x')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([name$octets] <= @p1 OR [name$octets] IS NULL) ORDER BY [id$octets]
--   1: varbinary 78

-- name ge 'x'
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] >= @p1 ORDER BY [id$octets]
--   1: varbinary 78

-- not (name ge 'x')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([name$octets] < @p1 OR [name$octets] IS NULL) ORDER BY [id$octets]
--   1: varbinary 78

-- name eq null
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IS NULL ORDER BY [id$octets]

-- not (name eq null)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IS NOT NULL ORDER BY [id$octets]

-- name ne null
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IS NOT NULL ORDER BY [id$octets]

-- not (name ne null)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IS NULL ORDER BY [id$octets]

-- name in ('x', 'y')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IN (@p1, @p2) ORDER BY [id$octets]
--   1: varbinary 78
--   2: varbinary 79

-- not (name in ('x', 'y'))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([name$octets] NOT IN (@p1, @p2) OR [name$octets] IS NULL) ORDER BY [id$octets]
--   1: varbinary 78
--   2: varbinary 79

-- name in ('x', 'y', 'z', null)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([name$octets] IN (@p1, @p2, @p3, @p4) OR [name$octets] IS NULL) ORDER BY [id$octets]
--   1: varbinary 78
--   2: varbinary 79
--   3: varbinary 7a
--   4: varbinary 7a

-- not (name in ('x', 'y', 'z', null))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] NOT IN (@p1, @p2, @p3, @p4) ORDER BY [id$octets]
--   1: varbinary 78
--   2: varbinary 79
--   3: varbinary 7a
--   4: varbinary 7a

-- name in (null)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IS NULL ORDER BY [id$octets]

-- not (name in (null))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IS NOT NULL ORDER BY [id$octets]

-- contains(name, 'x')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (CHARINDEX(@p1, CAST([name] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2) > 0) ORDER BY [id$octets]
--   1: nvarchar "x"

-- not (contains(name, 'x'))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (NOT (CHARINDEX(@p1, CAST([name] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2) > 0) OR [name$octets] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "x"

-- startswith(name, 'x')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([name$octets] >= @p1 AND [name$octets] < @p2) ORDER BY [id$octets]
--   1: varbinary 78
--   2: varbinary 79

-- not (startswith(name, 'x'))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (NOT ([name$octets] >= @p1 AND [name$octets] < @p2) OR [name$octets] IS NULL) ORDER BY [id$octets]
--   1: varbinary 78
--   2: varbinary 79

-- endswith(name, 'x')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (DATALENGTH([name$octets]) >= DATALENGTH(@p1) AND SUBSTRING([name$octets], DATALENGTH([name$octets]) - DATALENGTH(@p1) + 1, DATALENGTH(@p1)) = @p1) ORDER BY [id$octets]
--   1: varbinary 78

-- not (endswith(name, 'x'))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (NOT (DATALENGTH([name$octets]) >= DATALENGTH(@p1) AND SUBSTRING([name$octets], DATALENGTH([name$octets]) - DATALENGTH(@p1) + 1, DATALENGTH(@p1)) = @p1) OR [name$octets] IS NULL) ORDER BY [id$octets]
--   1: varbinary 78

-- contains(name, '')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IS NOT NULL ORDER BY [id$octets]

-- not (contains(name, ''))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IS NULL ORDER BY [id$octets]

-- startswith(name, '')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IS NOT NULL ORDER BY [id$octets]

-- not (startswith(name, ''))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IS NULL ORDER BY [id$octets]

-- endswith(name, '')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IS NOT NULL ORDER BY [id$octets]

-- not (endswith(name, ''))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [name$octets] IS NULL ORDER BY [id$octets]

-- tags has 'x'
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (EXISTS (SELECT 1 FROM OPENJSON(CASE WHEN ISJSON(CAST([tags] AS nvarchar(max))) = 1 THEN CAST([tags] AS nvarchar(max)) END) AS item WHERE item.[type] = 1 AND item.[value] COLLATE Latin1_General_100_BIN2 = @p1 AND DATALENGTH(item.[value]) = DATALENGTH(@p1))) ORDER BY [id$octets]
--   1: nvarchar "x"

-- not (tags has 'x')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (NOT (EXISTS (SELECT 1 FROM OPENJSON(CASE WHEN ISJSON(CAST([tags] AS nvarchar(max))) = 1 THEN CAST([tags] AS nvarchar(max)) END) AS item WHERE item.[type] = 1 AND item.[value] COLLATE Latin1_General_100_BIN2 = @p1 AND DATALENGTH(item.[value]) = DATALENGTH(@p1))) OR CAST([tags] AS nvarchar(max)) IS NULL) ORDER BY [id$octets]
--   1: nvarchar "x"

-- sizes has 7
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (EXISTS (SELECT 1 FROM OPENJSON(CASE WHEN ISJSON(CAST([sizes] AS nvarchar(max))) = 1 THEN CAST([sizes] AS nvarchar(max)) END) AS item WHERE item.[type] IN (2, 3) AND (N',' + item.[value] + N',') COLLATE Latin1_General_100_BIN2 = @p1)) ORDER BY [id$octets]
--   1: nvarchar ",7,"

-- not (sizes has 7)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (NOT (EXISTS (SELECT 1 FROM OPENJSON(CASE WHEN ISJSON(CAST([sizes] AS nvarchar(max))) = 1 THEN CAST([sizes] AS nvarchar(max)) END) AS item WHERE item.[type] IN (2, 3) AND (N',' + item.[value] + N',') COLLATE Latin1_General_100_BIN2 = @p1)) OR CAST([sizes] AS nvarchar(max)) IS NULL) ORDER BY [id$octets]
--   1: nvarchar ",7,"

-- tags eq null
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE CAST([tags] AS nvarchar(max)) IS NULL ORDER BY [id$octets]

-- not (tags eq null)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE CAST([tags] AS nvarchar(max)) IS NOT NULL ORDER BY [id$octets]

-- sizes ne null
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE CAST([sizes] AS nvarchar(max)) IS NOT NULL ORDER BY [id$octets]

-- not (sizes ne null)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE CAST([sizes] AS nvarchar(max)) IS NULL ORDER BY [id$octets]

-- extra eq null
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE CAST([extra] AS nvarchar(max)) IS NULL ORDER BY [id$octets]

-- not (extra eq null)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE CAST([extra] AS nvarchar(max)) IS NOT NULL ORDER BY [id$octets]

-- flag
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [flag] = CAST(@p1 AS bit) ORDER BY [id$octets]
--   1: bigint 1

-- not (flag)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([flag] <> CAST(@p1 AS bit) OR [flag] IS NULL) ORDER BY [id$octets]
--   1: bigint 1

-- flag eq false
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [flag] = CAST(@p1 AS bit) ORDER BY [id$octets]
--   1: bigint 0

-- not (flag eq false)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([flag] <> CAST(@p1 AS bit) OR [flag] IS NULL) ORDER BY [id$octets]
--   1: bigint 0

-- count gt 5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [count] > @p1 ORDER BY [id$octets]
--   1: bigint 5

-- not (count gt 5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([count] <= @p1 OR [count] IS NULL) ORDER BY [id$octets]
--   1: bigint 5

-- ratio le 1.5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [ratio] <= @p1 ORDER BY [id$octets]
--   1: float 1.5

-- not (ratio le 1.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([ratio] > @p1 OR [ratio] IS NULL) ORDER BY [id$octets]
--   1: float 1.5

-- price ge 1.5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [price] >= CAST(@p1 AS decimal(19,2)) ORDER BY [id$octets]
--   1: nvarchar "1.50"

-- not (price ge 1.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([price] < CAST(@p1 AS decimal(19,2)) OR [price] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "1.50"

-- made lt 2026-01-01T00:00:00Z
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [made] < CONVERT(datetime2(6), @p1, 126) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- not (made lt 2026-01-01T00:00:00Z)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([made] >= CONVERT(datetime2(6), @p1, 126) OR [made] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- blob eq 'AAE='
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (CONVERT(varbinary(max), [blob]) + 0x01) = (CONVERT(varbinary(max), @p1) + 0x01) ORDER BY [id$octets]
--   1: varbinary 0001

-- not (blob eq 'AAE=')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ((CONVERT(varbinary(max), [blob]) + 0x01) <> (CONVERT(varbinary(max), @p1) + 0x01) OR (CONVERT(varbinary(max), [blob]) + 0x01) IS NULL) ORDER BY [id$octets]
--   1: varbinary 0001

-- blob in ('AAE=', 'AAEA')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (CONVERT(varbinary(max), [blob]) + 0x01) IN ((CONVERT(varbinary(max), @p1) + 0x01), (CONVERT(varbinary(max), @p2) + 0x01)) ORDER BY [id$octets]
--   1: varbinary 0001
--   2: varbinary 000100

-- not (blob in ('AAE=', 'AAEA'))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ((CONVERT(varbinary(max), [blob]) + 0x01) NOT IN ((CONVERT(varbinary(max), @p1) + 0x01), (CONVERT(varbinary(max), @p2) + 0x01)) OR (CONVERT(varbinary(max), [blob]) + 0x01) IS NULL) ORDER BY [id$octets]
--   1: varbinary 0001
--   2: varbinary 000100

-- count ne 5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([count] <> @p1 OR [count] IS NULL) ORDER BY [id$octets]
--   1: bigint 5

-- not (count ne 5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [count] = @p1 ORDER BY [id$octets]
--   1: bigint 5

-- count lt 5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [count] < @p1 ORDER BY [id$octets]
--   1: bigint 5

-- not (count lt 5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([count] >= @p1 OR [count] IS NULL) ORDER BY [id$octets]
--   1: bigint 5

-- count le 5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [count] <= @p1 ORDER BY [id$octets]
--   1: bigint 5

-- not (count le 5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([count] > @p1 OR [count] IS NULL) ORDER BY [id$octets]
--   1: bigint 5

-- count ge 5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [count] >= @p1 ORDER BY [id$octets]
--   1: bigint 5

-- not (count ge 5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([count] < @p1 OR [count] IS NULL) ORDER BY [id$octets]
--   1: bigint 5

-- count in (5, 6)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [count] IN (@p1, @p2) ORDER BY [id$octets]
--   1: bigint 5
--   2: bigint 6

-- not (count in (5, 6))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([count] NOT IN (@p1, @p2) OR [count] IS NULL) ORDER BY [id$octets]
--   1: bigint 5
--   2: bigint 6

-- flag ne true
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([flag] <> CAST(@p1 AS bit) OR [flag] IS NULL) ORDER BY [id$octets]
--   1: bigint 1

-- not (flag ne true)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [flag] = CAST(@p1 AS bit) ORDER BY [id$octets]
--   1: bigint 1

-- flag in (true, false)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [flag] IN (CAST(@p1 AS bit), CAST(@p2 AS bit)) ORDER BY [id$octets]
--   1: bigint 0
--   2: bigint 1

-- not (flag in (true, false))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([flag] NOT IN (CAST(@p1 AS bit), CAST(@p2 AS bit)) OR [flag] IS NULL) ORDER BY [id$octets]
--   1: bigint 0
--   2: bigint 1

-- extra ne null
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE CAST([extra] AS nvarchar(max)) IS NOT NULL ORDER BY [id$octets]

-- not (extra ne null)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE CAST([extra] AS nvarchar(max)) IS NULL ORDER BY [id$octets]

-- ratio eq 1.5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [ratio] = @p1 ORDER BY [id$octets]
--   1: float 1.5

-- not (ratio eq 1.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([ratio] <> @p1 OR [ratio] IS NULL) ORDER BY [id$octets]
--   1: float 1.5

-- ratio ne 1.5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([ratio] <> @p1 OR [ratio] IS NULL) ORDER BY [id$octets]
--   1: float 1.5

-- not (ratio ne 1.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [ratio] = @p1 ORDER BY [id$octets]
--   1: float 1.5

-- ratio lt 1.5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [ratio] < @p1 ORDER BY [id$octets]
--   1: float 1.5

-- not (ratio lt 1.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([ratio] >= @p1 OR [ratio] IS NULL) ORDER BY [id$octets]
--   1: float 1.5

-- ratio gt 1.5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [ratio] > @p1 ORDER BY [id$octets]
--   1: float 1.5

-- not (ratio gt 1.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([ratio] <= @p1 OR [ratio] IS NULL) ORDER BY [id$octets]
--   1: float 1.5

-- ratio ge 1.5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [ratio] >= @p1 ORDER BY [id$octets]
--   1: float 1.5

-- not (ratio ge 1.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([ratio] < @p1 OR [ratio] IS NULL) ORDER BY [id$octets]
--   1: float 1.5

-- ratio in (1.5, 2.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [ratio] IN (@p1, @p2) ORDER BY [id$octets]
--   1: float 1.5
--   2: float 2.5

-- not (ratio in (1.5, 2.5))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([ratio] NOT IN (@p1, @p2) OR [ratio] IS NULL) ORDER BY [id$octets]
--   1: float 1.5
--   2: float 2.5

-- price eq 1.5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [price] = CAST(@p1 AS decimal(19,2)) ORDER BY [id$octets]
--   1: nvarchar "1.50"

-- not (price eq 1.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([price] <> CAST(@p1 AS decimal(19,2)) OR [price] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "1.50"

-- price ne 1.5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([price] <> CAST(@p1 AS decimal(19,2)) OR [price] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "1.50"

-- not (price ne 1.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [price] = CAST(@p1 AS decimal(19,2)) ORDER BY [id$octets]
--   1: nvarchar "1.50"

-- price lt 1.5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [price] < CAST(@p1 AS decimal(19,2)) ORDER BY [id$octets]
--   1: nvarchar "1.50"

-- not (price lt 1.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([price] >= CAST(@p1 AS decimal(19,2)) OR [price] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "1.50"

-- price le 1.5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [price] <= CAST(@p1 AS decimal(19,2)) ORDER BY [id$octets]
--   1: nvarchar "1.50"

-- not (price le 1.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([price] > CAST(@p1 AS decimal(19,2)) OR [price] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "1.50"

-- price gt 1.5
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [price] > CAST(@p1 AS decimal(19,2)) ORDER BY [id$octets]
--   1: nvarchar "1.50"

-- not (price gt 1.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([price] <= CAST(@p1 AS decimal(19,2)) OR [price] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "1.50"

-- price in (1.5, 2.5)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [price] IN (CAST(@p1 AS decimal(19,2)), CAST(@p2 AS decimal(19,2))) ORDER BY [id$octets]
--   1: nvarchar "1.50"
--   2: nvarchar "2.50"

-- not (price in (1.5, 2.5))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([price] NOT IN (CAST(@p1 AS decimal(19,2)), CAST(@p2 AS decimal(19,2))) OR [price] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "1.50"
--   2: nvarchar "2.50"

-- made eq 2026-01-01T00:00:00Z
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [made] = CONVERT(datetime2(6), @p1, 126) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- not (made eq 2026-01-01T00:00:00Z)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([made] <> CONVERT(datetime2(6), @p1, 126) OR [made] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- made ne 2026-01-01T00:00:00Z
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([made] <> CONVERT(datetime2(6), @p1, 126) OR [made] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- not (made ne 2026-01-01T00:00:00Z)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [made] = CONVERT(datetime2(6), @p1, 126) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- made le 2026-01-01T00:00:00Z
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [made] <= CONVERT(datetime2(6), @p1, 126) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- not (made le 2026-01-01T00:00:00Z)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([made] > CONVERT(datetime2(6), @p1, 126) OR [made] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- made gt 2026-01-01T00:00:00Z
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [made] > CONVERT(datetime2(6), @p1, 126) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- not (made gt 2026-01-01T00:00:00Z)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([made] <= CONVERT(datetime2(6), @p1, 126) OR [made] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- made ge 2026-01-01T00:00:00Z
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [made] >= CONVERT(datetime2(6), @p1, 126) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- not (made ge 2026-01-01T00:00:00Z)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([made] < CONVERT(datetime2(6), @p1, 126) OR [made] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- made in (2026-01-01T00:00:00Z, 2026-01-02T00:00:00Z)
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [made] IN (CONVERT(datetime2(6), @p1, 126), CONVERT(datetime2(6), @p2, 126)) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"
--   2: nvarchar "2026-01-02T00:00:00.000000"

-- not (made in (2026-01-01T00:00:00Z, 2026-01-02T00:00:00Z))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([made] NOT IN (CONVERT(datetime2(6), @p1, 126), CONVERT(datetime2(6), @p2, 126)) OR [made] IS NULL) ORDER BY [id$octets]
--   1: nvarchar "2026-01-01T00:00:00.000000"
--   2: nvarchar "2026-01-02T00:00:00.000000"

-- id in ('a', 'b')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE [id$octets] IN (@p1, @p2) ORDER BY [id$octets]
--   1: varbinary 61
--   2: varbinary 62

-- not (id in ('a', 'b'))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([id$octets] NOT IN (@p1, @p2) OR [id$octets] IS NULL) ORDER BY [id$octets]
--   1: varbinary 61
--   2: varbinary 62

-- flag and (count eq 1 or not (name eq 'x' and price gt 2))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (((([price] <= CAST(@p1 AS decimal(19,2)) OR [price] IS NULL) OR ([name$octets] <> @p2 OR [name$octets] IS NULL)) OR [count] = @p3) AND [flag] = CAST(@p4 AS bit)) ORDER BY [id$octets]
--   1: nvarchar "2.00"
--   2: varbinary 78
--   3: bigint 1
--   4: bigint 1

-- not (flag and (count eq 1 or not (name eq 'x' and price gt 2)))
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ((([price] > CAST(@p1 AS decimal(19,2)) AND [name$octets] = @p2) AND ([count] <> @p3 OR [count] IS NULL)) OR ([flag] <> CAST(@p4 AS bit) OR [flag] IS NULL)) ORDER BY [id$octets]
--   1: nvarchar "2.00"
--   2: varbinary 78
--   3: bigint 1
--   4: bigint 1

-- note eq 'a ' or note eq 'b	'
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE ([note$octets] = @p1 OR [note$octets] = @p2) ORDER BY [id$octets]
--   1: varbinary 6120
--   2: varbinary 6209

-- not (note eq 'a ' or note eq 'b	')
SELECT TOP (3) [_rev], [id$octets] FROM [things] WHERE (([note$octets] <> @p1 OR [note$octets] IS NULL) AND ([note$octets] <> @p2 OR [note$octets] IS NULL)) ORDER BY [id$octets]
--   1: varbinary 6120
--   2: varbinary 6209

