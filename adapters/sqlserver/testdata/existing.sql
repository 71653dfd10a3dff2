-- https://learn.microsoft.com/sql/t-sql/data-types/data-types-transact-sql
-- https://learn.microsoft.com/sql/t-sql/data-types/rowversion-transact-sql
-- https://learn.microsoft.com/sql/t-sql/functions/switchoffset-transact-sql
-- https://learn.microsoft.com/sql/t-sql/functions/try-cast-transact-sql
-- https://learn.microsoft.com/sql/t-sql/statements/collations

-- code eq 'x'
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) = @p1 ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: varbinary 78

-- not (code eq 'x')
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) <> @p1 OR CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: varbinary 78

-- contains(utf, 'x')
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (CHARINDEX(@p1, CAST([utf] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2) > 0) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "x"

-- not (contains(utf, 'x'))
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (NOT (CHARINDEX(@p1, CAST([utf] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2) > 0) OR CAST([utf] AS varbinary(max)) IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "x"

-- startswith(guid, '0')
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)) >= @p1 AND CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)) < @p2) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: varbinary 30
--   2: varbinary 31

-- not (startswith(guid, '0'))
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (NOT (CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)) >= @p1 AND CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)) < @p2) OR CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)) IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: varbinary 30
--   2: varbinary 31

-- contains(guid, 'a')
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (CHARINDEX(@p1, CAST(LOWER(CONVERT(varchar(36), [guid])) AS nvarchar(max)) COLLATE Latin1_General_100_BIN2) > 0) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "a"

-- not (contains(guid, 'a'))
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (NOT (CHARINDEX(@p1, CAST(LOWER(CONVERT(varchar(36), [guid])) AS nvarchar(max)) COLLATE Latin1_General_100_BIN2) > 0) OR CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)) IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "a"

-- small gt 70000
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE [small] > @p1 ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: bigint 70000

-- not (small gt 70000)
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE ([small] <= @p1 OR [small] IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: bigint 70000

-- cost le 1.5
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE CAST([cost] AS decimal(19,2)) <= CAST(@p1 AS decimal(19,2)) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "1.50"

-- not (cost le 1.5)
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (CAST([cost] AS decimal(19,2)) > CAST(@p1 AS decimal(19,2)) OR CAST([cost] AS decimal(19,2)) IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "1.50"

-- price eq 1.5
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE CAST([price] AS decimal(19,2)) = CAST(@p1 AS decimal(19,2)) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "1.50"

-- not (price eq 1.5)
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (CAST([price] AS decimal(19,2)) <> CAST(@p1 AS decimal(19,2)) OR CAST([price] AS decimal(19,2)) IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "1.50"

-- exact eq 1.5
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE [exact] = CAST(@p1 AS decimal(19,2)) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "1.50"

-- not (exact eq 1.5)
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE ([exact] <> CAST(@p1 AS decimal(19,2)) OR [exact] IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "1.50"

-- made gt 2026-01-01T00:00:00Z
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE CAST([made] AS datetime2(6)) > CONVERT(datetime2(6), @p1, 126) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- not (made gt 2026-01-01T00:00:00Z)
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (CAST([made] AS datetime2(6)) <= CONVERT(datetime2(6), @p1, 126) OR CAST([made] AS datetime2(6)) IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- seen gt 2026-01-01T00:00:00Z
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)) > CONVERT(datetime2(6), @p1, 126) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- not (seen gt 2026-01-01T00:00:00Z)
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)) <= CONVERT(datetime2(6), @p1, 126) OR CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)) IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "2026-01-01T00:00:00.000000"

-- tags has 'x'
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (EXISTS (SELECT 1 FROM OPENJSON(CASE WHEN ISJSON(CAST([tags] AS nvarchar(max))) = 1 THEN CAST([tags] AS nvarchar(max)) END) AS item WHERE item.[type] = 1 AND item.[value] COLLATE Latin1_General_100_BIN2 = @p1 AND DATALENGTH(item.[value]) = DATALENGTH(@p1))) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "x"

-- not (tags has 'x')
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (NOT (EXISTS (SELECT 1 FROM OPENJSON(CASE WHEN ISJSON(CAST([tags] AS nvarchar(max))) = 1 THEN CAST([tags] AS nvarchar(max)) END) AS item WHERE item.[type] = 1 AND item.[value] COLLATE Latin1_General_100_BIN2 = @p1 AND DATALENGTH(item.[value]) = DATALENGTH(@p1))) OR CAST([tags] AS nvarchar(max)) IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: nvarchar "x"

-- flag
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE [flag] = CAST(@p1 AS bit) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: bigint 1

-- not (flag)
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE ([flag] <> CAST(@p1 AS bit) OR [flag] IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: bigint 1

-- blob eq 'AAE='
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (CONVERT(varbinary(max), [blob]) + 0x01) = (CONVERT(varbinary(max), @p1) + 0x01) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: varbinary 0001

-- not (blob eq 'AAE=')
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE ((CONVERT(varbinary(max), [blob]) + 0x01) <> (CONVERT(varbinary(max), @p1) + 0x01) OR (CONVERT(varbinary(max), [blob]) + 0x01) IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: varbinary 0001

-- endswith(code, 'x')
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (DATALENGTH(CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))) >= DATALENGTH(@p1) AND SUBSTRING(CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), DATALENGTH(CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))) - DATALENGTH(@p1) + 1, DATALENGTH(@p1)) = @p1) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: varbinary 78

-- not (endswith(code, 'x'))
SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([utf] AS varbinary(max)), CAST(LOWER(CONVERT(varchar(36), [guid])) AS varbinary(36)), [small], [ratio], CAST([cost] AS decimal(19,2)), CAST([price] AS decimal(19,2)), [exact], CAST([made] AS datetime2(6)), CAST(SWITCHOFFSET([seen], '+00:00') AS datetime2(6)), [blob], CAST([tags] AS nvarchar(max)), CAST([doc] AS nvarchar(max)), [flag] FROM [old].[lines] WHERE (NOT (DATALENGTH(CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))) >= DATALENGTH(@p1) AND SUBSTRING(CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), DATALENGTH(CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))) - DATALENGTH(@p1) + 1, DATALENGTH(@p1)) = @p1) OR CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) IS NULL) ORDER BY CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))
--   1: varbinary 78

-- by code desc, made, behind a cursor
SELECT TOP (3) * FROM (SELECT * FROM (SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([made] AS datetime2(6)) FROM [old].[lines] WHERE CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) = @p1 AND CAST([made] AS datetime2(6)) = CONVERT(datetime2(6), @p2, 126) AND CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) > @p3 ORDER BY CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) DESC, CAST([made] AS datetime2(6)), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))) AS leg0 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([made] AS datetime2(6)) FROM [old].[lines] WHERE CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) = @p1 AND CAST([made] AS datetime2(6)) > CONVERT(datetime2(6), @p2, 126) ORDER BY CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) DESC, CAST([made] AS datetime2(6)), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))) AS leg1 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([made] AS datetime2(6)) FROM [old].[lines] WHERE CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) < @p1 ORDER BY CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) DESC, CAST([made] AS datetime2(6)), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))) AS leg2 (c0, c1, c2, c3) UNION ALL SELECT * FROM (SELECT TOP (3) CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), CAST([made] AS datetime2(6)) FROM [old].[lines] WHERE CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) IS NULL ORDER BY CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) DESC, CAST([made] AS datetime2(6)), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max))) AS leg3 (c0, c1, c2, c3)) AS page ORDER BY c2 DESC, c3, c1
--   1: varbinary 78
--   2: nvarchar "1970-01-01T00:00:00.000001"
--   3: varbinary 61

-- aggregate cost by code
SELECT TOP (11) '', CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)), count(*), 0, 0, min(CAST([cost] AS decimal(19,2))), 0, 0, count(CAST([cost] AS decimal(19,2))), CAST(SUM(CAST([cost] AS decimal(19,2)) * CAST(1 AS decimal(1, 0))) AS varchar(60)), 0 FROM [old].[lines] GROUP BY CAST(CAST(CAST([code] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) ORDER BY 2

-- delete at a revision
BEGIN TRANSACTION -- Read Committed
SELECT CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) FROM [old].[lines] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) = @p1 AND [id] = CAST(@p2 AS nvarchar(450))
--   1: varbinary 61
--   2: nvarchar "a"
DELETE FROM [old].[lines] WHERE CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) = @p1 AND [id] = CAST(@p2 AS nvarchar(450))
--   1: varbinary 61
--   2: nvarchar(max) "a"
COMMIT

-- put at a revision that the server makes
BEGIN TRANSACTION -- Read Committed
SELECT CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) FROM [old].[lines] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) = @p1 AND [id] = CAST(@p2 AS nvarchar(450))
--   1: varbinary 61
--   2: nvarchar "a"
UPDATE [old].[lines] SET [code] = CASE WHEN CAST(CAST(@p1 COLLATE SQL_Latin1_General_CP1_CI_AS AS varchar(max)) AS nvarchar(max)) COLLATE Latin1_General_100_BIN2 = @p1 THEN @p1 ELSE CAST(CAST(N'x' + @p1 AS int) AS nvarchar(11)) END, [utf] = @p2, [guid] = CAST(@p3 AS uniqueidentifier), [small] = @p4, [ratio] = @p5, [cost] = CAST(@p6 AS decimal(19,2)), [price] = CAST(@p7 AS decimal(19,2)), [exact] = CAST(@p8 AS decimal(19,2)), [made] = CONVERT(datetime2(6), @p9, 126), [seen] = TODATETIMEOFFSET(CONVERT(datetime2(6), @p10, 126), '+00:00'), [blob] = CONVERT(varbinary(max), @p11), [tags] = @p12, [doc] = CASE WHEN CAST(CAST(@p13 COLLATE SQL_Latin1_General_CP1_CI_AS AS varchar(max)) AS nvarchar(max)) COLLATE Latin1_General_100_BIN2 = @p13 THEN @p13 ELSE CAST(CAST(N'x' + @p13 AS int) AS nvarchar(11)) END, [flag] = @p14 WHERE CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) = @p15 AND [id] = CAST(@p16 AS nvarchar(450))
--   1: nvarchar null
--   2: nvarchar null
--   3: nvarchar null
--   4: nvarchar null
--   5: nvarchar null
--   6: nvarchar null
--   7: nvarchar null
--   8: nvarchar null
--   9: nvarchar null
--   10: nvarchar null
--   11: nvarchar null
--   12: nvarchar null
--   13: nvarchar null
--   14: nvarchar null
--   15: varbinary 61
--   16: nvarchar(max) "a"
SELECT CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) FROM [old].[lines] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) = @p1 AND [id] = CAST(@p2 AS nvarchar(450))
--   1: varbinary 61
--   2: nvarchar "a"
COMMIT

-- load a row, whose revision stays as it was
BEGIN TRANSACTION -- Read Committed
SELECT CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) FROM [old].[lines] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) = @p1 AND [id] = CAST(@p2 AS nvarchar(450))
--   1: varbinary 62
--   2: nvarchar "b"
UPDATE [old].[lines] SET [code] = CASE WHEN CAST(CAST(@p1 COLLATE SQL_Latin1_General_CP1_CI_AS AS varchar(max)) AS nvarchar(max)) COLLATE Latin1_General_100_BIN2 = @p1 THEN @p1 ELSE CAST(CAST(N'x' + @p1 AS int) AS nvarchar(11)) END, [utf] = @p2, [guid] = CAST(@p3 AS uniqueidentifier), [small] = @p4, [ratio] = @p5, [cost] = CAST(@p6 AS decimal(19,2)), [price] = CAST(@p7 AS decimal(19,2)), [exact] = CAST(@p8 AS decimal(19,2)), [made] = CONVERT(datetime2(6), @p9, 126), [seen] = TODATETIMEOFFSET(CONVERT(datetime2(6), @p10, 126), '+00:00'), [blob] = CONVERT(varbinary(max), @p11), [tags] = @p12, [doc] = CASE WHEN CAST(CAST(@p13 COLLATE SQL_Latin1_General_CP1_CI_AS AS varchar(max)) AS nvarchar(max)) COLLATE Latin1_General_100_BIN2 = @p13 THEN @p13 ELSE CAST(CAST(N'x' + @p13 AS int) AS nvarchar(11)) END, [flag] = @p14 WHERE CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) = @p15 AND [id] = CAST(@p16 AS nvarchar(450))
--   1: nvarchar null
--   2: nvarchar null
--   3: nvarchar null
--   4: nvarchar null
--   5: nvarchar null
--   6: nvarchar null
--   7: nvarchar null
--   8: nvarchar null
--   9: nvarchar null
--   10: nvarchar null
--   11: nvarchar null
--   12: nvarchar null
--   13: nvarchar null
--   14: nvarchar null
--   15: varbinary 62
--   16: nvarchar(max) "b"
SELECT CONVERT(varchar(max), CAST([stamp] AS varbinary(max)), 1), CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) FROM [old].[lines] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE CAST(CAST([id] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) AS varbinary(max)) = @p1 AND [id] = CAST(@p2 AS nvarchar(450))
--   1: varbinary 62
--   2: nvarchar "b"
ROLLBACK

