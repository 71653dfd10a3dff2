-- https://learn.microsoft.com/sql/t-sql/statements/insert-transact-sql
-- https://learn.microsoft.com/sql/t-sql/queries/update-transact-sql
-- https://learn.microsoft.com/sql/t-sql/statements/delete-transact-sql
-- https://learn.microsoft.com/sql/t-sql/queries/hints-transact-sql-table
-- https://learn.microsoft.com/sql/t-sql/functions/rowcount-big-transact-sql

-- check always, where it is there: true
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (HOLDLOCK, ROWLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
COMMIT

-- check at r1, where it is there: true
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (HOLDLOCK, ROWLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
COMMIT

-- check if absent, where it is there: true, which fails: mutation 0: sqlserver.Apply: already-exists: there is a record with this id already
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (HOLDLOCK, ROWLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
ROLLBACK

-- check if present, where it is there: true
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (HOLDLOCK, ROWLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
COMMIT

-- check that nothing refers, where it is there: true
BEGIN TRANSACTION -- Read Committed
SELECT TOP (1) 1 FROM [shop].[items] WHERE [count] = @p1
--   1: bigint 9
COMMIT

-- delete always, where it is there: true
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
DELETE FROM [shop].[items] WHERE [id$octets] = @p1
--   1: varbinary 61
COMMIT

-- delete at r1, where it is there: true
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
DELETE FROM [shop].[items] WHERE [id$octets] = @p1
--   1: varbinary 61
COMMIT

-- delete if absent, where it is there: true, which fails: mutation 0: sqlserver.Apply: already-exists: there is a record with this id already
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
ROLLBACK

-- delete if present, where it is there: true
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
DELETE FROM [shop].[items] WHERE [id$octets] = @p1
--   1: varbinary 61
COMMIT

-- put always, where it is there: true
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
UPDATE [shop].[items] SET [name] = @p1, [note] = @p2, [count] = @p3, [ratio] = @p4, [price] = CAST(@p5 AS decimal(19,2)), [flag] = @p6, [made] = CONVERT(datetime2(6), @p7, 126), [blob] = CONVERT(varbinary(max), @p8), [tags] = @p9, [extra] = @p10, [_rev] = @p11 WHERE [id$octets] = @p12
--   1: nvarchar(max) "ü 😀"
--   2: nvarchar null
--   3: bigint 7
--   4: float 0.5
--   5: nvarchar(max) "19.99"
--   6: bigint 1
--   7: nvarchar(max) "2026-01-02T03:04:05.678901"
--   8: varbinary 0001
--   9: nvarchar(max) "[\"a\"]"
--   10: nvarchar null
--   11: nvarchar(max) "r2"
--   12: varbinary 61
COMMIT

-- put at r1, where it is there: true
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
UPDATE [shop].[items] SET [name] = @p1, [note] = @p2, [count] = @p3, [ratio] = @p4, [price] = CAST(@p5 AS decimal(19,2)), [flag] = @p6, [made] = CONVERT(datetime2(6), @p7, 126), [blob] = CONVERT(varbinary(max), @p8), [tags] = @p9, [extra] = @p10, [_rev] = @p11 WHERE [id$octets] = @p12
--   1: nvarchar(max) "ü 😀"
--   2: nvarchar null
--   3: bigint 7
--   4: float 0.5
--   5: nvarchar(max) "19.99"
--   6: bigint 1
--   7: nvarchar(max) "2026-01-02T03:04:05.678901"
--   8: varbinary 0001
--   9: nvarchar(max) "[\"a\"]"
--   10: nvarchar null
--   11: nvarchar(max) "r2"
--   12: varbinary 61
COMMIT

-- put if absent, where it is there: true
BEGIN TRANSACTION -- Read Committed
INSERT INTO [shop].[items] ([id], [name], [note], [count], [ratio], [price], [flag], [made], [blob], [tags], [extra], [_rev]) SELECT @p1, @p2, @p3, @p4, @p5, CAST(@p6 AS decimal(19,2)), @p7, CONVERT(datetime2(6), @p8, 126), CONVERT(varbinary(max), @p9), @p10, @p11, @p12 WHERE NOT EXISTS (SELECT 1 FROM [shop].[items] WHERE [id$octets] = @p13)
--   1: nvarchar(max) "a"
--   2: nvarchar(max) "ü 😀"
--   3: nvarchar null
--   4: bigint 7
--   5: float 0.5
--   6: nvarchar(max) "19.99"
--   7: bigint 1
--   8: nvarchar(max) "2026-01-02T03:04:05.678901"
--   9: varbinary 0001
--   10: nvarchar(max) "[\"a\"]"
--   11: nvarchar null
--   12: nvarchar(max) "r2"
--   13: varbinary 61
COMMIT

-- put if present, where it is there: true
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
UPDATE [shop].[items] SET [name] = @p1, [note] = @p2, [count] = @p3, [ratio] = @p4, [price] = CAST(@p5 AS decimal(19,2)), [flag] = @p6, [made] = CONVERT(datetime2(6), @p7, 126), [blob] = CONVERT(varbinary(max), @p8), [tags] = @p9, [extra] = @p10, [_rev] = @p11 WHERE [id$octets] = @p12
--   1: nvarchar(max) "ü 😀"
--   2: nvarchar null
--   3: bigint 7
--   4: float 0.5
--   5: nvarchar(max) "19.99"
--   6: bigint 1
--   7: nvarchar(max) "2026-01-02T03:04:05.678901"
--   8: varbinary 0001
--   9: nvarchar(max) "[\"a\"]"
--   10: nvarchar null
--   11: nvarchar(max) "r2"
--   12: varbinary 61
COMMIT

-- check always, where it is there: false
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (HOLDLOCK, ROWLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
COMMIT

-- check at r1, where it is there: false, which fails: mutation 0: sqlserver.Apply: stale: the record has changed since it was read
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (HOLDLOCK, ROWLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
ROLLBACK

-- check if absent, where it is there: false
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (HOLDLOCK, ROWLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
COMMIT

-- check if present, where it is there: false, which fails: mutation 0: sqlserver.Apply: not-found: there is no record with this id
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (HOLDLOCK, ROWLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
ROLLBACK

-- check that nothing refers, where it is there: false
BEGIN TRANSACTION -- Read Committed
SELECT TOP (1) 1 FROM [shop].[items] WHERE [count] = @p1
--   1: bigint 9
COMMIT

-- delete always, where it is there: false
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
COMMIT

-- delete at r1, where it is there: false, which fails: mutation 0: sqlserver.Apply: stale: the record has changed since it was read
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
ROLLBACK

-- delete if absent, where it is there: false
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
COMMIT

-- delete if present, where it is there: false, which fails: mutation 0: sqlserver.Apply: not-found: there is no record with this id
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
ROLLBACK

-- put always, where it is there: false
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
INSERT INTO [shop].[items] ([id], [name], [note], [count], [ratio], [price], [flag], [made], [blob], [tags], [extra], [_rev]) SELECT @p1, @p2, @p3, @p4, @p5, CAST(@p6 AS decimal(19,2)), @p7, CONVERT(datetime2(6), @p8, 126), CONVERT(varbinary(max), @p9), @p10, @p11, @p12 WHERE NOT EXISTS (SELECT 1 FROM [shop].[items] WHERE [id$octets] = @p13)
--   1: nvarchar(max) "a"
--   2: nvarchar(max) "ü 😀"
--   3: nvarchar null
--   4: bigint 7
--   5: float 0.5
--   6: nvarchar(max) "19.99"
--   7: bigint 1
--   8: nvarchar(max) "2026-01-02T03:04:05.678901"
--   9: varbinary 0001
--   10: nvarchar(max) "[\"a\"]"
--   11: nvarchar null
--   12: nvarchar(max) "r2"
--   13: varbinary 61
COMMIT

-- put at r1, where it is there: false, which fails: mutation 0: sqlserver.Apply: stale: the record has changed since it was read
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
ROLLBACK

-- put if absent, where it is there: false
BEGIN TRANSACTION -- Read Committed
INSERT INTO [shop].[items] ([id], [name], [note], [count], [ratio], [price], [flag], [made], [blob], [tags], [extra], [_rev]) SELECT @p1, @p2, @p3, @p4, @p5, CAST(@p6 AS decimal(19,2)), @p7, CONVERT(datetime2(6), @p8, 126), CONVERT(varbinary(max), @p9), @p10, @p11, @p12 WHERE NOT EXISTS (SELECT 1 FROM [shop].[items] WHERE [id$octets] = @p13)
--   1: nvarchar(max) "a"
--   2: nvarchar(max) "ü 😀"
--   3: nvarchar null
--   4: bigint 7
--   5: float 0.5
--   6: nvarchar(max) "19.99"
--   7: bigint 1
--   8: nvarchar(max) "2026-01-02T03:04:05.678901"
--   9: varbinary 0001
--   10: nvarchar(max) "[\"a\"]"
--   11: nvarchar null
--   12: nvarchar(max) "r2"
--   13: varbinary 61
COMMIT

-- put if present, where it is there: false, which fails: mutation 0: sqlserver.Apply: not-found: there is no record with this id
BEGIN TRANSACTION -- Read Committed
SELECT [_rev], [id$octets], [name$octets] FROM [shop].[items] WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK) WHERE [id$octets] = @p1
--   1: varbinary 61
ROLLBACK

