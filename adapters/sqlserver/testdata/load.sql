-- https://learn.microsoft.com/sql/t-sql/statements/bulk-insert-transact-sql
-- https://learn.microsoft.com/sql/t-sql/queries/output-clause-transact-sql
-- https://learn.microsoft.com/sql/t-sql/queries/update-transact-sql
-- https://learn.microsoft.com/sql/t-sql/queries/hints-transact-sql-table

-- with varchar
BEGIN TRANSACTION -- Read Committed
IF OBJECT_ID(N'tempdb..#portolan_load') IS NOT NULL DROP TABLE #portolan_load; CREATE TABLE #portolan_load (place int NULL, c0 nvarchar(max) NULL, c1 nvarchar(max) NULL, c2 nvarchar(max) NULL, c3 bigint NULL, c4 float NULL, c5 decimal(10,2) NULL, c6 bit NULL, c7 datetime2(6) NULL, c8 varbinary(max) NULL, c9 nvarchar(max) NULL, c10 nvarchar(max) NULL, c11 nvarchar(max) NULL, k0 varbinary(450) NOT NULL PRIMARY KEY)
INSERTBULK {"TableName":"#portolan_load","ColumnsName":["place","c0","c1","c2","c3","c4","c5","c6","c7","c8","c9","c10","c11","k0"],"Options":{"CheckConstraints":false,"FireTriggers":false,"KeepNulls":false,"KilobytesPerBatch":0,"RowsPerBatch":0,"Order":null,"Tablock":false}}
--   bigint 0, nvarchar "a", nvarchar "ü 😀", <nil> <nil>, bigint 7, float 0.5, nvarchar "19.99", bool true, datetime2 2026-01-02T03:04:05.678901Z, varbinary 0001, nvarchar "[\"a\"]", <nil> <nil>, nvarchar "run-1", varbinary 61
--   bigint 1, nvarchar "b", nvarchar "ü 😀", <nil> <nil>, bigint 7, float 0.5, nvarchar "19.99", bool true, datetime2 2026-01-02T03:04:05.678901Z, varbinary 0001, nvarchar "[\"a\"]", <nil> <nil>, nvarchar "run-1", varbinary 62
--   bigint 2, nvarchar "c", nvarchar "ü 😀", <nil> <nil>, bigint 7, float 0.5, nvarchar "19.99", bool true, datetime2 2026-01-02T03:04:05.678901Z, varbinary 0001, nvarchar "[\"a\"]", <nil> <nil>, nvarchar "run-1", varbinary 63
-- the end of the copy
DELETE s OUTPUT deleted.place FROM #portolan_load AS s JOIN [shop].[items] AS t WITH (UPDLOCK, HOLDLOCK) ON t.[id$octets] = s.k0 WHERE CHARINDEX(@p1, CAST(t.[_rev] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2) = 1 OPTION (LOOP JOIN); UPDATE t SET [name] = s.c1, [note] = s.c2, [count] = s.c3, [ratio] = s.c4, [price] = s.c5, [flag] = s.c6, [made] = s.c7, [blob] = s.c8, [tags] = s.c9, [extra] = s.c10, [_rev] = s.c11 FROM [shop].[items] AS t WITH (UPDLOCK, HOLDLOCK) JOIN #portolan_load AS s ON t.[id$octets] = s.k0 OPTION (LOOP JOIN); INSERT INTO [shop].[items] ([id], [name], [note], [count], [ratio], [price], [flag], [made], [blob], [tags], [extra], [_rev]) SELECT s.c0, s.c1, s.c2, s.c3, s.c4, s.c5, s.c6, s.c7, s.c8, s.c9, s.c10, s.c11 FROM #portolan_load AS s WHERE NOT EXISTS (SELECT 1 FROM [shop].[items] AS t WITH (UPDLOCK, HOLDLOCK) WHERE t.[id$octets] = s.k0) OPTION (LOOP JOIN)
--   1: nvarchar "run-"
SELECT [_rev], [id$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 6d61726b
COMMIT

-- with nvarchar
BEGIN TRANSACTION -- Read Committed
IF OBJECT_ID(N'tempdb..#portolan_load') IS NOT NULL DROP TABLE #portolan_load; CREATE TABLE #portolan_load (place int NULL, c0 nvarchar(max) NULL, c1 nvarchar(max) NULL, c2 nvarchar(max) NULL, c3 bigint NULL, c4 float NULL, c5 decimal(10,2) NULL, c6 bit NULL, c7 datetime2(6) NULL, c8 varbinary(max) NULL, c9 nvarchar(max) NULL, c10 nvarchar(max) NULL, c11 nvarchar(max) NULL, k0 varbinary(450) NOT NULL PRIMARY KEY, k1 varbinary(max) NULL, k2 varbinary(max) NULL)
INSERTBULK {"TableName":"#portolan_load","ColumnsName":["place","c0","c1","c2","c3","c4","c5","c6","c7","c8","c9","c10","c11","k0","k1","k2"],"Options":{"CheckConstraints":false,"FireTriggers":false,"KeepNulls":false,"KilobytesPerBatch":0,"RowsPerBatch":0,"Order":null,"Tablock":false}}
--   bigint 0, nvarchar "a", nvarchar "ü 😀", <nil> <nil>, bigint 7, float 0.5, nvarchar "19.99", bool true, datetime2 2026-01-02T03:04:05.678901Z, varbinary 0001, nvarchar "[\"a\"]", <nil> <nil>, nvarchar "run-1", varbinary 61, varbinary c3bc20f09f9880, <nil> <nil>
--   bigint 1, nvarchar "b", nvarchar "ü 😀", <nil> <nil>, bigint 7, float 0.5, nvarchar "19.99", bool true, datetime2 2026-01-02T03:04:05.678901Z, varbinary 0001, nvarchar "[\"a\"]", <nil> <nil>, nvarchar "run-1", varbinary 62, varbinary c3bc20f09f9880, <nil> <nil>
--   bigint 2, nvarchar "c", nvarchar "ü 😀", <nil> <nil>, bigint 7, float 0.5, nvarchar "19.99", bool true, datetime2 2026-01-02T03:04:05.678901Z, varbinary 0001, nvarchar "[\"a\"]", <nil> <nil>, nvarchar "run-1", varbinary 63, varbinary c3bc20f09f9880, <nil> <nil>
-- the end of the copy
DELETE s OUTPUT deleted.place FROM #portolan_load AS s JOIN [shop].[items] AS t WITH (UPDLOCK, HOLDLOCK) ON t.[id$octets] = s.k0 WHERE CHARINDEX(@p1, CAST(t.[_rev] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2) = 1 OPTION (LOOP JOIN); UPDATE t SET [name] = s.c1, [note] = s.c2, [count] = s.c3, [ratio] = s.c4, [price] = s.c5, [flag] = s.c6, [made] = s.c7, [blob] = s.c8, [tags] = s.c9, [extra] = s.c10, [_rev] = s.c11, [name$octets] = s.k1, [note$octets] = s.k2 FROM [shop].[items] AS t WITH (UPDLOCK, HOLDLOCK) JOIN #portolan_load AS s ON t.[id$octets] = s.k0 OPTION (LOOP JOIN); INSERT INTO [shop].[items] ([id], [name], [note], [count], [ratio], [price], [flag], [made], [blob], [tags], [extra], [_rev], [id$octets], [name$octets], [note$octets]) SELECT s.c0, s.c1, s.c2, s.c3, s.c4, s.c5, s.c6, s.c7, s.c8, s.c9, s.c10, s.c11, s.k0, s.k1, s.k2 FROM #portolan_load AS s WHERE NOT EXISTS (SELECT 1 FROM [shop].[items] AS t WITH (UPDLOCK, HOLDLOCK) WHERE t.[id$octets] = s.k0) OPTION (LOOP JOIN)
--   1: nvarchar "run-"
SELECT [_rev], [id$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 6d61726b
COMMIT

