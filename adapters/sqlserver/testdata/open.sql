-- https://learn.microsoft.com/sql/t-sql/statements/create-schema-transact-sql
-- https://learn.microsoft.com/sql/t-sql/statements/drop-schema-transact-sql
-- https://learn.microsoft.com/sql/t-sql/language-elements/declare-local-variable-transact-sql
-- https://learn.microsoft.com/sql/t-sql/functions/db-name-transact-sql
-- https://learn.microsoft.com/sql/t-sql/functions/collationproperty-transact-sql
-- https://learn.microsoft.com/sql/t-sql/language-elements/execute-transact-sql

-- open
SET NOCOUNT, XACT_ABORT, CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT 5000; SELECT CAST(d.snapshot_isolation_state AS int), CAST(d.is_read_committed_snapshot_on AS int), CAST(d.compatibility_level AS int), CAST(COLLATIONPROPERTY('Latin1_General_100_BIN2_UTF8', 'CodePage') AS int) FROM sys.databases AS d WHERE d.name = DB_NAME()

-- ensure, where there is the table of types
SET NOCOUNT, XACT_ABORT, CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT 300000; SET ANSI_NULL_DFLT_ON ON; SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON; SET NUMERIC_ROUNDABORT OFF; DECLARE @got int; EXEC @got = sp_getapplock @Resource = N'portolan migrates', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 300000; IF @got < 0 THROW 51222, N'another process changes the tables', 1
GO
SELECT c.name AS [name], TYPE_NAME(c.system_type_id) AS [type], coalesce(c.collation_name, '') AS [collation],
		CAST(c.max_length AS int) AS [octets], CAST(c.precision AS int) AS [digits], CAST(c.scale AS int) AS [scale],
		c.is_nullable AS [nullable], CAST(CASE WHEN c.default_object_id <> 0 THEN 1 ELSE 0 END AS bit) AS [defaulted],
		CAST(CASE WHEN c.is_computed = 1 OR c.is_identity = 1 OR c.generated_always_type <> 0 THEN 1 ELSE 0 END AS bit) AS [written],
		coalesce((SELECT CAST(k.key_ordinal AS int) FROM sys.indexes AS i JOIN sys.index_columns AS k
			ON k.object_id = i.object_id AND k.index_id = i.index_id
			WHERE i.object_id = c.object_id AND i.is_primary_key = 1 AND k.column_id = c.column_id), 0) AS [place]
	FROM sys.columns AS c WHERE c.object_id = (SELECT o.object_id FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
	WHERE o.name = @p1 AND s.name = coalesce(nullif(@p2, N''), SCHEMA_NAME()) AND o.type IN ('U', 'V')) ORDER BY c.column_id
GO
SELECT i.name AS [index], c.name AS [name], coalesce(c.collation_name, '') AS [collation],
		i.is_unique AS [distinct], i.has_filter AS [partial], k.is_descending_key AS [backed]
	FROM sys.indexes AS i JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
		JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
	WHERE i.type IN (1, 2) AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND k.key_ordinal > 0
		AND i.object_id = (SELECT o.object_id FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
	WHERE o.name = @p1 AND s.name = coalesce(nullif(@p2, N''), SCHEMA_NAME()) AND o.type IN ('U', 'V')) ORDER BY i.name, k.key_ordinal
GO
SELECT * FROM [_portolan_types]
GO
SELECT c.name AS [name], TYPE_NAME(c.system_type_id) AS [type], coalesce(c.collation_name, '') AS [collation],
		CAST(c.max_length AS int) AS [octets], CAST(c.precision AS int) AS [digits], CAST(c.scale AS int) AS [scale],
		c.is_nullable AS [nullable], CAST(CASE WHEN c.default_object_id <> 0 THEN 1 ELSE 0 END AS bit) AS [defaulted],
		CAST(CASE WHEN c.is_computed = 1 OR c.is_identity = 1 OR c.generated_always_type <> 0 THEN 1 ELSE 0 END AS bit) AS [written],
		coalesce((SELECT CAST(k.key_ordinal AS int) FROM sys.indexes AS i JOIN sys.index_columns AS k
			ON k.object_id = i.object_id AND k.index_id = i.index_id
			WHERE i.object_id = c.object_id AND i.is_primary_key = 1 AND k.column_id = c.column_id), 0) AS [place]
	FROM sys.columns AS c WHERE c.object_id = (SELECT o.object_id FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
	WHERE o.name = @p1 AND s.name = coalesce(nullif(@p2, N''), SCHEMA_NAME()) AND o.type IN ('U', 'V')) ORDER BY c.column_id
GO
CREATE TABLE [numbers] ([n] bigint PRIMARY KEY NOT NULL, [_rev] varchar(1500) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL)

-- scratch, and the end of it
SET NOCOUNT, XACT_ABORT, CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT 5000; IF SCHEMA_ID(N'portolan_contract_x') IS NULL EXEC (N'CREATE SCHEMA [portolan_contract_x]')
GO
SET NOCOUNT, XACT_ABORT, CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT 5000; DECLARE @drop nvarchar(max) = N''; SELECT @drop += N'DROP TABLE [portolan_contract_x].' + QUOTENAME(name) + N'; ' FROM sys.tables WHERE schema_id = SCHEMA_ID(N'portolan_contract_x'); SET @drop += N'DROP SCHEMA [portolan_contract_x]'; EXEC (@drop)

