-- https://learn.microsoft.com/sql/t-sql/statements/create-table-transact-sql
-- https://learn.microsoft.com/sql/t-sql/statements/alter-table-computed-column-definition-transact-sql
-- https://learn.microsoft.com/sql/t-sql/statements/create-index-transact-sql
-- https://learn.microsoft.com/sql/t-sql/statements/create-schema-transact-sql
-- https://learn.microsoft.com/sql/t-sql/statements/alter-table-transact-sql

-- from nothing
BEGIN TRANSACTION -- Read Committed
SET NOCOUNT, XACT_ABORT, CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT 300000; SET ANSI_NULL_DFLT_ON ON; SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON; SET NUMERIC_ROUNDABORT OFF; DECLARE @got int; EXEC @got = sp_getapplock @Resource = N'portolan migrates', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 300000; IF @got < 0 THROW 51222, N'another process changes the tables', 1
SELECT c.name AS [name], TYPE_NAME(c.system_type_id) AS [type], coalesce(c.collation_name, '') AS [collation],
		CAST(c.max_length AS int) AS [octets], CAST(c.precision AS int) AS [digits], CAST(c.scale AS int) AS [scale],
		c.is_nullable AS [nullable], CAST(CASE WHEN c.default_object_id <> 0 THEN 1 ELSE 0 END AS bit) AS [defaulted],
		CAST(CASE WHEN c.is_computed = 1 OR c.is_identity = 1 OR c.generated_always_type <> 0 THEN 1 ELSE 0 END AS bit) AS [written],
		coalesce((SELECT CAST(k.key_ordinal AS int) FROM sys.indexes AS i JOIN sys.index_columns AS k
			ON k.object_id = i.object_id AND k.index_id = i.index_id
			WHERE i.object_id = c.object_id AND i.is_primary_key = 1 AND k.column_id = c.column_id), 0) AS [place]
	FROM sys.columns AS c WHERE c.object_id = (SELECT o.object_id FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
	WHERE o.name = @p1 AND s.name = coalesce(nullif(@p2, N''), SCHEMA_NAME()) AND o.type IN ('U', 'V')) ORDER BY c.column_id
--   1: nvarchar "_portolan_types"
--   2: nvarchar ""
-- as above
--   1: nvarchar "items"
--   2: nvarchar "shop"
CREATE TABLE [_portolan_types] ([tbl] varchar(450) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL, [field] varchar(450) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL, [type] varchar(450) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL, PRIMARY KEY ([tbl], [field]))
IF SCHEMA_ID(N'shop') IS NULL EXEC (N'CREATE SCHEMA [shop]')
CREATE TABLE [shop].[items] ([id] varchar(450) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL, [id$octets] AS CAST([id] AS varbinary(450)) PERSISTED NOT NULL PRIMARY KEY, [name] varchar(1500) COLLATE Latin1_General_100_BIN2_UTF8, [name$octets] AS CAST([name] AS varbinary(1500)), [note] varchar(max) COLLATE Latin1_General_100_BIN2_UTF8, [note$octets] AS CAST([note] AS varbinary(max)), [count] bigint, [ratio] float, [price] decimal(10,2), [flag] bit, [made] datetime2(6), [blob] varbinary(max), [tags] varchar(max) COLLATE Latin1_General_100_BIN2_UTF8, [extra] varchar(max) COLLATE Latin1_General_100_BIN2_UTF8, [_rev] varchar(1500) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL)
CREATE INDEX [items_name_desc_count_id_e0c17c66] ON [shop].[items] ([name$octets] DESC, [count], [id$octets])
INSERT INTO [_portolan_types] ([tbl],[field],[type]) VALUES (@p1,@p2,@p3),(@p4,@p5,@p6),(@p7,@p8,@p9),(@p10,@p11,@p12),(@p13,@p14,@p15),(@p16,@p17,@p18),(@p19,@p20,@p21),(@p22,@p23,@p24),(@p25,@p26,@p27),(@p28,@p29,@p30),(@p31,@p32,@p33);
--   1: nvarchar "shop.items"
--   2: nvarchar "id"
--   3: nvarchar "string"
--   4: nvarchar "shop.items"
--   5: nvarchar "name"
--   6: nvarchar "string"
--   7: nvarchar "shop.items"
--   8: nvarchar "note"
--   9: nvarchar "string"
--   10: nvarchar "shop.items"
--   11: nvarchar "count"
--   12: nvarchar "int"
--   13: nvarchar "shop.items"
--   14: nvarchar "ratio"
--   15: nvarchar "float"
--   16: nvarchar "shop.items"
--   17: nvarchar "price"
--   18: nvarchar "decimal(2)"
--   19: nvarchar "shop.items"
--   20: nvarchar "flag"
--   21: nvarchar "bool"
--   22: nvarchar "shop.items"
--   23: nvarchar "made"
--   24: nvarchar "time"
--   25: nvarchar "shop.items"
--   26: nvarchar "blob"
--   27: nvarchar "bytes"
--   28: nvarchar "shop.items"
--   29: nvarchar "tags"
--   30: nvarchar "list(string)"
--   31: nvarchar "shop.items"
--   32: nvarchar "extra"
--   33: nvarchar "json"
COMMIT

-- from nothing, with nvarchar
BEGIN TRANSACTION -- Read Committed
SET NOCOUNT, XACT_ABORT, CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT 300000; SET ANSI_NULL_DFLT_ON ON; SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON; SET NUMERIC_ROUNDABORT OFF; DECLARE @got int; EXEC @got = sp_getapplock @Resource = N'portolan migrates', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 300000; IF @got < 0 THROW 51222, N'another process changes the tables', 1
-- as above
--   1: nvarchar "_portolan_types"
--   2: nvarchar ""
-- as above
--   1: nvarchar "items"
--   2: nvarchar "shop"
CREATE TABLE [_portolan_types] ([tbl] nvarchar(450) COLLATE Latin1_General_100_BIN2 NOT NULL, [field] nvarchar(450) COLLATE Latin1_General_100_BIN2 NOT NULL, [type] nvarchar(450) COLLATE Latin1_General_100_BIN2 NOT NULL, PRIMARY KEY ([tbl], [field]))
IF SCHEMA_ID(N'shop') IS NULL EXEC (N'CREATE SCHEMA [shop]')
CREATE TABLE [shop].[items] ([id] nvarchar(450) COLLATE Latin1_General_100_BIN2 NOT NULL, [id$octets] varbinary(450) NOT NULL PRIMARY KEY, [name] nvarchar(1500) COLLATE Latin1_General_100_BIN2, [name$octets] varbinary(1500), [note] nvarchar(max) COLLATE Latin1_General_100_BIN2, [note$octets] varbinary(max), [count] bigint, [ratio] float, [price] decimal(10,2), [flag] bit, [made] datetime2(6), [blob] varbinary(max), [tags] nvarchar(max) COLLATE Latin1_General_100_BIN2, [extra] nvarchar(max) COLLATE Latin1_General_100_BIN2, [_rev] nvarchar(1500) COLLATE Latin1_General_100_BIN2 NOT NULL)
CREATE INDEX [items_name_desc_count_id_e0c17c66] ON [shop].[items] ([name$octets] DESC, [count], [id$octets])
INSERT INTO [_portolan_types] ([tbl],[field],[type]) VALUES (@p1,@p2,@p3),(@p4,@p5,@p6),(@p7,@p8,@p9),(@p10,@p11,@p12),(@p13,@p14,@p15),(@p16,@p17,@p18),(@p19,@p20,@p21),(@p22,@p23,@p24),(@p25,@p26,@p27),(@p28,@p29,@p30),(@p31,@p32,@p33);
--   1: nvarchar "shop.items"
--   2: nvarchar "id"
--   3: nvarchar "string"
--   4: nvarchar "shop.items"
--   5: nvarchar "name"
--   6: nvarchar "string"
--   7: nvarchar "shop.items"
--   8: nvarchar "note"
--   9: nvarchar "string"
--   10: nvarchar "shop.items"
--   11: nvarchar "count"
--   12: nvarchar "int"
--   13: nvarchar "shop.items"
--   14: nvarchar "ratio"
--   15: nvarchar "float"
--   16: nvarchar "shop.items"
--   17: nvarchar "price"
--   18: nvarchar "decimal(2)"
--   19: nvarchar "shop.items"
--   20: nvarchar "flag"
--   21: nvarchar "bool"
--   22: nvarchar "shop.items"
--   23: nvarchar "made"
--   24: nvarchar "time"
--   25: nvarchar "shop.items"
--   26: nvarchar "blob"
--   27: nvarchar "bytes"
--   28: nvarchar "shop.items"
--   29: nvarchar "tags"
--   30: nvarchar "list(string)"
--   31: nvarchar "shop.items"
--   32: nvarchar "extra"
--   33: nvarchar "json"
COMMIT

-- from nothing, in a schema of its own
BEGIN TRANSACTION -- Read Committed
SET NOCOUNT, XACT_ABORT, CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT 300000; SET ANSI_NULL_DFLT_ON ON; SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON; SET NUMERIC_ROUNDABORT OFF; DECLARE @got int; EXEC @got = sp_getapplock @Resource = N'portolan migrates', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 300000; IF @got < 0 THROW 51222, N'another process changes the tables', 1
-- as above
--   1: nvarchar "_portolan_types"
--   2: nvarchar "scratch"
-- as above
--   1: nvarchar "items"
--   2: nvarchar "shop"
-- as above
--   1: nvarchar "numbers"
--   2: nvarchar "scratch"
CREATE TABLE [scratch].[_portolan_types] ([tbl] varchar(450) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL, [field] varchar(450) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL, [type] varchar(450) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL, PRIMARY KEY ([tbl], [field]))
IF SCHEMA_ID(N'shop') IS NULL EXEC (N'CREATE SCHEMA [shop]')
CREATE TABLE [shop].[items] ([id] varchar(450) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL, [id$octets] AS CAST([id] AS varbinary(450)) PERSISTED NOT NULL PRIMARY KEY, [name] varchar(1500) COLLATE Latin1_General_100_BIN2_UTF8, [name$octets] AS CAST([name] AS varbinary(1500)), [note] varchar(max) COLLATE Latin1_General_100_BIN2_UTF8, [note$octets] AS CAST([note] AS varbinary(max)), [count] bigint, [ratio] float, [price] decimal(10,2), [flag] bit, [made] datetime2(6), [blob] varbinary(max), [tags] varchar(max) COLLATE Latin1_General_100_BIN2_UTF8, [extra] varchar(max) COLLATE Latin1_General_100_BIN2_UTF8, [_rev] varchar(1500) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL)
CREATE INDEX [items_name_desc_count_id_e0c17c66] ON [shop].[items] ([name$octets] DESC, [count], [id$octets])
IF SCHEMA_ID(N'scratch') IS NULL EXEC (N'CREATE SCHEMA [scratch]')
CREATE TABLE [scratch].[numbers] ([n] bigint PRIMARY KEY NOT NULL, [_rev] varchar(1500) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL)
INSERT INTO [scratch].[_portolan_types] ([tbl],[field],[type]) VALUES (@p1,@p2,@p3),(@p4,@p5,@p6),(@p7,@p8,@p9),(@p10,@p11,@p12),(@p13,@p14,@p15),(@p16,@p17,@p18),(@p19,@p20,@p21),(@p22,@p23,@p24),(@p25,@p26,@p27),(@p28,@p29,@p30),(@p31,@p32,@p33),(@p34,@p35,@p36);
--   1: nvarchar "shop.items"
--   2: nvarchar "id"
--   3: nvarchar "string"
--   4: nvarchar "shop.items"
--   5: nvarchar "name"
--   6: nvarchar "string"
--   7: nvarchar "shop.items"
--   8: nvarchar "note"
--   9: nvarchar "string"
--   10: nvarchar "shop.items"
--   11: nvarchar "count"
--   12: nvarchar "int"
--   13: nvarchar "shop.items"
--   14: nvarchar "ratio"
--   15: nvarchar "float"
--   16: nvarchar "shop.items"
--   17: nvarchar "price"
--   18: nvarchar "decimal(2)"
--   19: nvarchar "shop.items"
--   20: nvarchar "flag"
--   21: nvarchar "bool"
--   22: nvarchar "shop.items"
--   23: nvarchar "made"
--   24: nvarchar "time"
--   25: nvarchar "shop.items"
--   26: nvarchar "blob"
--   27: nvarchar "bytes"
--   28: nvarchar "shop.items"
--   29: nvarchar "tags"
--   30: nvarchar "list(string)"
--   31: nvarchar "shop.items"
--   32: nvarchar "extra"
--   33: nvarchar "json"
--   34: nvarchar "scratch.numbers"
--   35: nvarchar "n"
--   36: nvarchar "int"
COMMIT

-- from a table with an id and a name
BEGIN TRANSACTION -- Read Committed
SET NOCOUNT, XACT_ABORT, CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT 300000; SET ANSI_NULL_DFLT_ON ON; SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON; SET NUMERIC_ROUNDABORT OFF; DECLARE @got int; EXEC @got = sp_getapplock @Resource = N'portolan migrates', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 300000; IF @got < 0 THROW 51222, N'another process changes the tables', 1
-- as above
--   1: nvarchar "_portolan_types"
--   2: nvarchar ""
-- as above
--   1: nvarchar "items"
--   2: nvarchar "shop"
SELECT i.name AS [index], c.name AS [name], coalesce(c.collation_name, '') AS [collation],
		i.is_unique AS [distinct], i.has_filter AS [partial], k.is_descending_key AS [backed]
	FROM sys.indexes AS i JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
		JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
	WHERE i.type IN (1, 2) AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND k.key_ordinal > 0
		AND i.object_id = (SELECT o.object_id FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
	WHERE o.name = @p1 AND s.name = coalesce(nullif(@p2, N''), SCHEMA_NAME()) AND o.type IN ('U', 'V')) ORDER BY i.name, k.key_ordinal
--   1: nvarchar "items"
--   2: nvarchar "shop"
CREATE TABLE [_portolan_types] ([tbl] varchar(450) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL, [field] varchar(450) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL, [type] varchar(450) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL, PRIMARY KEY ([tbl], [field]))
ALTER TABLE [shop].[items] ADD [note] varchar(max) COLLATE Latin1_General_100_BIN2_UTF8
ALTER TABLE [shop].[items] ADD [note$octets] AS CAST([note] AS varbinary(max))
ALTER TABLE [shop].[items] ADD [count] bigint
ALTER TABLE [shop].[items] ADD [ratio] float
ALTER TABLE [shop].[items] ADD [price] decimal(10,2)
ALTER TABLE [shop].[items] ADD [flag] bit
ALTER TABLE [shop].[items] ADD [made] datetime2(6)
ALTER TABLE [shop].[items] ADD [blob] varbinary(max)
ALTER TABLE [shop].[items] ADD [tags] varchar(max) COLLATE Latin1_General_100_BIN2_UTF8
ALTER TABLE [shop].[items] ADD [extra] varchar(max) COLLATE Latin1_General_100_BIN2_UTF8
CREATE INDEX [items_name_desc_count_id_e0c17c66] ON [shop].[items] ([name$octets] DESC, [count], [id$octets])
INSERT INTO [_portolan_types] ([tbl],[field],[type]) VALUES (@p1,@p2,@p3),(@p4,@p5,@p6),(@p7,@p8,@p9),(@p10,@p11,@p12),(@p13,@p14,@p15),(@p16,@p17,@p18),(@p19,@p20,@p21),(@p22,@p23,@p24),(@p25,@p26,@p27),(@p28,@p29,@p30),(@p31,@p32,@p33);
--   1: nvarchar "shop.items"
--   2: nvarchar "id"
--   3: nvarchar "string"
--   4: nvarchar "shop.items"
--   5: nvarchar "name"
--   6: nvarchar "string"
--   7: nvarchar "shop.items"
--   8: nvarchar "note"
--   9: nvarchar "string"
--   10: nvarchar "shop.items"
--   11: nvarchar "count"
--   12: nvarchar "int"
--   13: nvarchar "shop.items"
--   14: nvarchar "ratio"
--   15: nvarchar "float"
--   16: nvarchar "shop.items"
--   17: nvarchar "price"
--   18: nvarchar "decimal(2)"
--   19: nvarchar "shop.items"
--   20: nvarchar "flag"
--   21: nvarchar "bool"
--   22: nvarchar "shop.items"
--   23: nvarchar "made"
--   24: nvarchar "time"
--   25: nvarchar "shop.items"
--   26: nvarchar "blob"
--   27: nvarchar "bytes"
--   28: nvarchar "shop.items"
--   29: nvarchar "tags"
--   30: nvarchar "list(string)"
--   31: nvarchar "shop.items"
--   32: nvarchar "extra"
--   33: nvarchar "json"
COMMIT

