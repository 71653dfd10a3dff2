-- https://learn.microsoft.com/sql/t-sql/statements/set-transaction-isolation-level-transact-sql
-- https://learn.microsoft.com/sql/t-sql/statements/set-xact-abort-transact-sql
-- https://learn.microsoft.com/sql/t-sql/statements/set-lock-timeout-transact-sql

-- with snapshot isolation: get one
SET TRANSACTION ISOLATION LEVEL SNAPSHOT; SELECT [_rev], [n] FROM [numbers] WHERE [n] IN (@p1)
--   1: bigint 1

-- with snapshot isolation: get 513, of each statement the beginning
BEGIN TRANSACTION -- Snapshot
SELECT [_rev], [n] FROM [numbers] WHERE [n] IN (@p1, @p2, @p3, @p4, @p5, @p6, @p
SELECT [_rev], [n] FROM [numbers] WHERE [n] IN (@p1)
COMMIT

-- with committed snapshots alone: get one
SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SELECT [_rev], [n] FROM [numbers] WHERE [n] IN (@p1)
--   1: bigint 1

-- with committed snapshots alone: get 513, of each statement the beginning
BEGIN TRANSACTION -- Serializable
SET DEADLOCK_PRIORITY HIGH; SELECT [_rev], [n] FROM [numbers] WHERE [n] IN (@p1,
SET DEADLOCK_PRIORITY HIGH; SELECT [_rev], [n] FROM [numbers] WHERE [n] IN (@p1)
COMMIT

-- with locks alone: get one
SET DEADLOCK_PRIORITY HIGH; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT [_rev], [n] FROM [numbers] WHERE [n] IN (@p1)
--   1: bigint 1

-- with locks alone: get 513, of each statement the beginning
BEGIN TRANSACTION -- Serializable
SET DEADLOCK_PRIORITY HIGH; SELECT [_rev], [n] FROM [numbers] WHERE [n] IN (@p1,
SET DEADLOCK_PRIORITY HIGH; SELECT [_rev], [n] FROM [numbers] WHERE [n] IN (@p1)
COMMIT

-- what comes before each statement
SET NOCOUNT, XACT_ABORT, CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT 5000; 
