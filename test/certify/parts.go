package main

// A part is one long form, with the figures that it must reach.
type part struct {
	name    string
	promise string   // what it proves
	reach   string   // the figures to reach, in words
	env     []string // that make the test a long one
	args    []string // a command, of which go test is parsed test by test
	cases   int      // that pass at least; 0 is one
	figures []figure
	rare    string // what no script can install and this proves nothing without
	partly  bool   // some tests may be skipped, for want of what no script can install
	detail  string // the head of a table of its own, whose rows its tests print behind "detail: "
}

// A figure is one that tests print, and must reach.
type figure struct {
	pattern string // its one group is the figure; without a group each match counts as one
	what    string
	least   int
	each    bool // by each test that prints it, else by all of them together
}

// The heads of tables.
const (
	happened = "what happens | times | operations | writes | longest | looks that hit | stale answers | histories | reads asked again | writes of unknown outcome"
	died     = "what is left out or done wrong | dies in run | by"
)

// parts are all there are.
var parts = []part{
	{name: "suite-memory", promise: "the contract of stores and caches, in memory", reach: "all cases, none skipped",
		args: goTest("./adapters/memory", "^Test(Cache)?Contract"), cases: 80},
	{name: "suite-sqlite", promise: "the contract of stores, SQLite", reach: "all cases, none skipped",
		args: goTest("./adapters/sqlite", "^TestContract"), cases: 80},
	{name: "suite-postgres", promise: "the contract of stores, PostgreSQL", reach: "all cases, none skipped",
		env: servers(), args: goTest("./adapters/postgres", "^TestContract"), cases: 80},
	{name: "suite-datastore", promise: "the contract of stores, Datastore over its emulator", reach: "all cases, none skipped",
		env: servers(), args: goTest("./adapters/datastore", "^Test(Contract|Durable)$"), cases: 80, rare: "the emulator of Datastore"},
	{name: "suite-sqlserver", promise: "the contract of stores, SQL Server", reach: "all cases, none skipped",
		args: goTest("./adapters/sqlserver", "^TestContract"), cases: 80, rare: "a server that PORTOLAN_TEST_SQLSERVER names"},
	{name: "suite-bigcache", promise: "the contract of caches, bigcache", reach: "all cases, none skipped",
		args: goTest("./adapters/bigcache", "^TestContract"), cases: 20},
	{name: "suite-redis", promise: "the contracts of caches and of servers that instances share: Redis, a cluster, and behind Sentinel", reach: "all cases, none skipped",
		env: servers(), args: goTest("./adapters/redis", "^Test(Server|Cluster|Sentinel)?Contract$"), cases: 200},
	{name: "suite-thirdparty", promise: "the contract of stores, an adapter in a module of its own", reach: "all cases, none skipped",
		args: goTest("./test", "^TestThirdParty$"), figures: []figure{{pattern: `(\d+) cases of the suites`, what: "cases of the suites", least: 80}}},
	{name: "types", promise: "types survive the trip between stores", reach: "nothing lost that is not named",
		env: servers(), args: goTest("./test", "^TestTypesSurviveTheTrip$")},
	{name: "coherence", promise: "records are linearizable, no read is stale", reach: "300,000 operations, 0 violations",
		env: servers("PORTOLAN_TEST_COHERENCE=90s"), args: goTest("./test/coherence", "^Test(ReadAfterWrite|Unsettled|LostAnswers)$"),
		figures: []figure{{pattern: `: (\d+) operations`, what: "operations", least: 300_000}}},
	{name: "mutants", promise: "the test of coherence still finds the defects", reach: "8 mutants, all die",
		env: servers(), args: goTest("./test/coherence", "^Test(MutantsDie|TheRightOneLives)$"), cases: 8, detail: died},
	{name: "instances", promise: "instances that share a cache are right, whatever becomes of it", reach: "300,000 operations under 8 kinds of faults, 0 violations",
		env: []string{"PORTOLAN_TEST_COHERENCE=20s"}, args: goTest("./test/coherence", "^TestInstances$"), detail: happened,
		figures: []figure{{pattern: `: (\d+) operations`, what: "operations", least: 300_000}}},
	{name: "instance-mutants", promise: "the test of instances still finds the defects", reach: "8 mutants, all die",
		args: goTest("./test/coherence", "^Test(SharedMutantsDie|TheRightInstancesLive)$"), cases: 8, detail: died},
	{name: "processes", promise: "three processes over PostgreSQL and Redis are right, whatever is lost", reach: "12 kinds of disasters, 0 violations; those of Redis fail no request",
		env: servers("PORTOLAN_TEST_COHERENCE=40s"), args: goTest("./test/coherence", "^TestProcesses$"), cases: 12, detail: happened,
		figures: []figure{{pattern: `: (\d+) operations`, what: "operations", least: 100_000}}},
	{name: "kills", promise: "a write is done once and kept, through kill -9", reach: "200 kills a store; 0 lost, 0 twice",
		env: servers("PORTOLAN_TEST_KILLS=200"), args: goTest("./test", "^TestKilledServerWritesOnce$"),
		figures: []figure{{pattern: `(\d+) kills under`, what: "kills", least: 200, each: true}}},
	{name: "imports", promise: "a killed import resumes, each row once", reach: "100 kills of imports of 100,000 rows a store",
		env: servers("PORTOLAN_TEST_ROWS=100000"), args: []string{"go", "test", "-count=4", "-timeout=2h", "-run", "^TestKilledImportResumes$", "./test"},
		figures: []figure{{pattern: `(\d+) kills`, what: "kills", least: 100, each: true}}},
	{name: "outages", promise: "a lost server needs no restart", reach: "every fault answered in time, and gone when it is",
		env: servers(), args: goTest("./adapters/...", "^Test(Outages|Slow|Exhausted)$"), cases: 4},
	{name: "migrate", promise: "processes that start at once migrate once", reach: "10 processes × 20 rounds a store; 0 failures",
		env: servers("PORTOLAN_TEST_STARTS=20"), args: goTest("./test", "^TestMigrateAtOnce$"),
		figures: []figure{{pattern: `: (\d+) starts`, what: "starts", least: 400, each: true}}},
	{name: "writers", promise: "of writes at one revision one succeeds", reach: "50 writers × 200 counts a store; 0 lost",
		env: servers("PORTOLAN_TEST_WRITES=200"), args: goTest("./test", "^TestManyWriters$"),
		figures: []figure{{pattern: `: (\d+) counts;`, what: "counts", least: 10_000, each: true}}},
	{name: "restarts", promise: "a restart costs no request", reach: "10 restarts × 10,000 requests; 0 failures",
		env: []string{"PORTOLAN_TEST_RESTARTS=10"}, args: goTest("./test", "^TestRollingRestarts$"),
		figures: []figure{{pattern: `under (\d+) requests`, what: "requests", least: 100_000}}},
	{name: "bad-requests", promise: "bad requests cost nothing", reach: "0 calls of the store", args: goTest("./test", "^TestBadRequestsCostNothing$")},
	{name: "pool", promise: "an exhausted pool is bounded", reach: "503 in time, livez at once", args: goTest("./test", "^TestExhaustedPool$")},
	{name: "memory", promise: "memory is bounded", reach: "imports, bodies and exports within their bounds", args: goTest("./test", "^Test(MemoryIsBounded|ImportMemory)$")},
	{name: "race", promise: "no data race in core, ports and adapters", reach: "0 reports", env: servers(),
		args: []string{"go", "test", "-race", "-count=1", "-timeout=40m", "./core/...", "./ports/...", "./adapters/..."}, cases: 1000, partly: true},
	{name: "fuzz", promise: "no parser crashes", reach: "30 s for each of 8 targets; 0 crashes",
		args: []string{"make", "fuzz", "FUZZTIME=30s"}, figures: []figure{{pattern: `(?m)/\S+ Fuzz\w+$`, what: "targets", least: 8}}},
	{name: "slow-clients", promise: "slow clients keep nobody out", reach: "400 clients of slowhttptest in 3 ways; every other request served",
		env: []string{"PORTOLAN_TEST_SLOWHTTP=1"}, args: goTest("./test", "^Test(SlowHTTPTest|SlowClients|Wire)$"), cases: 30,
		figures: []figure{{pattern: `(\d+) requests of others`, what: "requests of others", least: 50, each: true}}},
	{name: "h2spec", promise: "HTTP/2 is what RFC 9113 says", reach: "140 of 145 cases of h2spec, the others known; the server is well",
		env: []string{"PORTOLAN_TEST_H2SPEC=1"}, args: goTest("./test", "^TestH2Spec$"),
		figures: []figure{{pattern: `(\d+) of 145 cases`, what: "cases", least: 140}}},
	{name: "rotations", promise: "keys of our own rotate without a failed request", reach: "10,000 requests for each change of the pepper and of the signing key; 0 failures",
		env: []string{"PORTOLAN_TEST_ROTATIONS=10000"}, args: goTest("./bootstrap", "^TestRotationUnderRequests$")},
	{name: "rotated-servers", promise: "so do the credentials of PostgreSQL and Redis", reach: "10,000 requests; 0 failures",
		env: servers("PORTOLAN_TEST_ROTATIONS=10000"), args: goTest("./test", "^TestCredentialsOfServersRotate$"),
		figures: []figure{{pattern: `(\d+) requests while credentials`, what: "requests", least: 10_000}}},
	{name: "client-secrets", promise: "so does the secret of an OIDC client", reach: "10,000 sign-ins; 0 failures",
		env: []string{"PORTOLAN_TEST_ROTATIONS=10000"}, args: goTest("./adapters/oauth", "^TestClientSecretRotates$")},
	{name: "reloads", promise: "reloads fail no request, and leave nothing stale", reach: "100 reloads a store under load; 0 failures, 0 stale",
		args: goTest("./bootstrap", "^TestReloadsUnderLoad$"), figures: []figure{{pattern: `(\d+) reads, `, what: "reads", least: 4_000, each: true}}},
	{name: "sqlmap", promise: "nothing is injectable", reach: "sqlmap, level 3, every parameter; 0 findings; it finds what is injectable",
		env: servers("PORTOLAN_TEST_SQLMAP=1"), args: goTest("./test", "^TestSqlmap"),
		figures: []figure{{pattern: `(\d+) parameters that`, what: "parameters", least: 26, each: true}}},
}

// goTest are the arguments of a test that is run anew, whatever is cached.
func goTest(pkg, run string) []string {
	return []string{"go", "test", "-count=1", "-timeout=40m", "-run", run, pkg}
}

// servers is the environment of tests over servers that are installed.
func servers(more ...string) []string { return append([]string{"PORTOLAN_TEST_SERVERS=1"}, more...) }
