-- https://learn.microsoft.com/sql/t-sql/functions/sum-transact-sql
-- https://learn.microsoft.com/sql/t-sql/functions/min-transact-sql
-- https://learn.microsoft.com/sql/t-sql/functions/max-transact-sql
-- https://learn.microsoft.com/sql/t-sql/functions/count-transact-sql
-- https://learn.microsoft.com/sql/t-sql/queries/select-group-by-transact-sql
-- https://learn.microsoft.com/sql/t-sql/data-types/precision-scale-and-length-transact-sql

-- count by []
SELECT '', count(*), 0, 0, min([count]), 0, 0, max([count]), 0, 0, count([count]), CAST(SUM([count] * CAST(1 AS decimal(1, 0))) AS varchar(60)), 0, count([count]), CAST(SUM([count] * CAST(1 AS decimal(1, 0))) AS varchar(60)), 0 FROM [things] WHERE [count] IS NOT NULL

-- count by [kind flag made]
SELECT TOP (11) '', [kind$octets], [flag], [made], count(*), 0, 0, min([count]), 0, 0, max([count]), 0, 0, count([count]), CAST(SUM([count] * CAST(1 AS decimal(1, 0))) AS varchar(60)), 0, count([count]), CAST(SUM([count] * CAST(1 AS decimal(1, 0))) AS varchar(60)), 0 FROM [things] WHERE [count] IS NOT NULL GROUP BY [kind$octets], [flag], [made] ORDER BY 2, 3, 4

-- price by []
SELECT '', count(*), 0, 0, min([price]), 0, 0, max([price]), 0, 0, count([price]), CAST(SUM([price] * CAST(1 AS decimal(1, 0))) AS varchar(60)), 0, count([price]), CAST(SUM([price] * CAST(1 AS decimal(1, 0))) AS varchar(60)), 0 FROM [things] WHERE [price] IS NOT NULL

-- price by [kind flag made]
SELECT TOP (11) '', [kind$octets], [flag], [made], count(*), 0, 0, min([price]), 0, 0, max([price]), 0, 0, count([price]), CAST(SUM([price] * CAST(1 AS decimal(1, 0))) AS varchar(60)), 0, count([price]), CAST(SUM([price] * CAST(1 AS decimal(1, 0))) AS varchar(60)), 0 FROM [things] WHERE [price] IS NOT NULL GROUP BY [kind$octets], [flag], [made] ORDER BY 2, 3, 4

-- ratio by []
SELECT '', count(*), 0, 0, min([ratio]), 0, 0, max([ratio]), 0, 0, sum([ratio]), 0, 0, avg([ratio]), 0, 0 FROM [things] WHERE [ratio] IS NOT NULL

-- ratio by [kind flag made]
SELECT TOP (11) '', [kind$octets], [flag], [made], count(*), 0, 0, min([ratio]), 0, 0, max([ratio]), 0, 0, sum([ratio]), 0, 0, avg([ratio]), 0, 0 FROM [things] WHERE [ratio] IS NOT NULL GROUP BY [kind$octets], [flag], [made] ORDER BY 2, 3, 4

-- name by []
SELECT '', count(*), 0, 0, min([name$octets]), 0, 0, max([name$octets]), 0, 0 FROM [things] WHERE [name$octets] IS NOT NULL

-- name by [kind flag made]
SELECT TOP (11) '', [kind$octets], [flag], [made], count(*), 0, 0, min([name$octets]), 0, 0, max([name$octets]), 0, 0 FROM [things] WHERE [name$octets] IS NOT NULL GROUP BY [kind$octets], [flag], [made] ORDER BY 2, 3, 4

-- flag by []
SELECT '', count(*), 0, 0, min(CAST([flag] AS int)), 0, 0, max(CAST([flag] AS int)), 0, 0 FROM [things] WHERE [flag] IS NOT NULL

-- flag by [kind flag made]
SELECT TOP (11) '', [kind$octets], [flag], [made], count(*), 0, 0, min(CAST([flag] AS int)), 0, 0, max(CAST([flag] AS int)), 0, 0 FROM [things] WHERE [flag] IS NOT NULL GROUP BY [kind$octets], [flag], [made] ORDER BY 2, 3, 4

-- made by []
SELECT '', count(*), 0, 0, min([made]), 0, 0, max([made]), 0, 0 FROM [things] WHERE [made] IS NOT NULL

-- made by [kind flag made]
SELECT TOP (11) '', [kind$octets], [flag], [made], count(*), 0, 0, min([made]), 0, 0, max([made]), 0, 0 FROM [things] WHERE [made] IS NOT NULL GROUP BY [kind$octets], [flag], [made] ORDER BY 2, 3, 4

