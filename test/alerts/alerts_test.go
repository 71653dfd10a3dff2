package alerts

import (
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// An alert is one of Cloud Monitoring's, which writes out what Prometheus records.
type alert struct {
	DisplayName string
	Conditions  []struct {
		ConditionPrometheusQueryLanguage struct{ Query string }
	}
}

// file reads a file of configs as JSON.
func file(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../configs/" + name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// google returns the queries of Cloud Monitoring's alerts by their names.
func google(t *testing.T) map[string]string {
	t.Helper()
	var alerts []alert
	file(t, "alerts/cloud-monitoring.json", &alerts)
	found := map[string]string{}
	for _, a := range alerts {
		found[a.DisplayName] = a.Conditions[0].ConditionPrometheusQueryLanguage.Query
	}
	return found
}

// rules returns the expressions of Prometheus's alerts and records by their names.
func rules(t *testing.T) (alerts, records map[string]string) {
	t.Helper()
	groups, errs := rulefmt.ParseFile("../../configs/alerts/prometheus.yaml", false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil {
		t.Fatal("the rules cannot be read")
	}
	alerts, records = map[string]string{}, map[string]string{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			if rule.Record != "" {
				records[rule.Record] = rule.Expr
				continue
			}
			alerts[rule.Alert] = rule.Expr
			if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%s does not say how bad it is, what it is, or what to do", rule.Alert)
			}
		}
	}
	return alerts, records
}

// azure returns the queries of Azure Monitor's rules by their names.
func azure(t *testing.T) map[string]string {
	t.Helper()
	var template struct {
		Resources []struct {
			Type, Name string
			Properties struct {
				Criteria struct{ AllOf []struct{ Query string } }
			}
		}
	}
	file(t, "alerts/azure-monitor.json", &template)
	found := map[string]string{}
	for _, r := range template.Resources {
		if r.Type == "Microsoft.Insights/scheduledQueryRules" {
			found[r.Name] = r.Properties.Criteria.AllOf[0].Query
		}
	}
	return found
}

// dashboards returns all queries of the dashboards: in PromQL, and in the language of Azure.
func dashboards(t *testing.T) (promQL, kusto []string) {
	t.Helper()
	var grafana struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	file(t, "dashboards/grafana.json", &grafana)
	for _, p := range grafana.Panels {
		for _, target := range p.Targets {
			promQL = append(promQL, target.Expr)
		}
	}
	var monitoring struct {
		MosaicLayout struct {
			Tiles []struct {
				Widget struct {
					XYChart struct {
						DataSets []struct {
							TimeSeriesQuery struct{ PrometheusQuery string }
						}
					}
				}
			}
		}
	}
	file(t, "dashboards/cloud-monitoring.json", &monitoring)
	for _, tile := range monitoring.MosaicLayout.Tiles {
		for _, set := range tile.Widget.XYChart.DataSets {
			promQL = append(promQL, set.TimeSeriesQuery.PrometheusQuery)
		}
	}
	var workbook struct {
		Items []struct{ Content struct{ Query string } }
	}
	file(t, "dashboards/azure-workbook.json", &workbook)
	for _, item := range workbook.Items {
		kusto = append(kusto, item.Content.Query)
	}
	if len(promQL) < 20 || len(kusto) < 10 {
		t.Errorf("the dashboards have %d and %d queries: were they all found?", len(promQL), len(kusto))
	}
	return promQL, kusto
}

// TestMetricsExist parses every query, and wants each metric and each label in it among those
// that a server exports.
func TestMetricsExist(t *testing.T) {
	known := exported(t)
	alerts, records := rules(t)
	for record := range records {
		known[record] = map[string]bool{}
	}
	promQL, kusto := dashboards(t)
	for _, queries := range []map[string]string{alerts, records, google(t)} {
		promQL = append(promQL, slices.Collect(maps.Values(queries))...)
	}
	for _, query := range promQL {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			selector, ok := node.(*parser.VectorSelector)
			if !ok {
				return nil
			}
			for _, m := range selector.LabelMatchers {
				if labels, exists := known[selector.Name]; !exists || m.Name != "__name__" && !labels[m.Name] {
					t.Errorf("a server exports no %s with the label %s, which is in %s", selector.Name, m.Name, query)
				}
			}
			return nil
		})
	}
	names, labels := regexp.MustCompile(`"((?:portolan_|[a-z]+\.)[a-z_.]+)"`), regexp.MustCompile(`customDimensions\.([a-z]+)`)
	conventional := map[string]bool{"db.client.operation.duration": true, "db.operation.name": true} // see adapters/otel
	for _, query := range append(kusto, slices.Collect(maps.Values(azure(t)))...) {
		of := map[string]bool{}
		for _, name := range names.FindAllStringSubmatch(query, -1) {
			if known[name[1]] == nil && !conventional[name[1]] {
				t.Errorf("a server exports no %s, which is in %s", name[1], query)
			}
			maps.Copy(of, known[name[1]])
		}
		for _, label := range labels.FindAllStringSubmatch(query, -1) {
			if !of[label[1]] {
				t.Errorf("no metric has the label %s, which is in %s", label[1], query)
			}
		}
	}
}

// TestAlertsAreTheSame wants the same alerts everywhere, and of Cloud Monitoring the same
// expressions as Prometheus's.
func TestAlertsAreTheSame(t *testing.T) {
	alerts, records := rules(t)
	if len(alerts) < 12 {
		t.Errorf("there are %d alerts, want 12 or more", len(alerts))
	}
	written := map[string]string{}
	for name, expr := range alerts {
		written[name] = regexp.MustCompile(`portolan:[\w:]+`).ReplaceAllStringFunc(expr, func(record string) string { return "(" + records[record] + ")" })
	}
	if diff := cmp.Diff(written, google(t)); diff != "" {
		t.Errorf("Cloud Monitoring's alerts are others (-Prometheus +its):\n%s", diff)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(alerts)), slices.Sorted(maps.Keys(azure(t)))); diff != "" {
		t.Errorf("Azure Monitor's alerts are others (-Prometheus +its):\n%s", diff)
	}
}

// series are those of four days, a sample a minute: of a server with which all is well, whose clients
// change their minds at once now and then; of one with which nothing is; and of one whose dependency hangs
// for longer than its clients wait, so that nothing fails.
var series = map[string]string{
	"healthy": `load 1m
  portolan_operations_total{port="http",operation="GET /v1/{collection}",code="ok"} 0+6000x5760
  portolan_operations_total{port="http",operation="GET /v1/{collection}",code="internal"} 0+1x5760
  portolan_operations_total{port="http",operation="GET /v1/{collection}",code="canceled"} 0+900x5760
  portolan_operations_total{port="http",operation="GET /readyz",code="unavailable"} 0+600x5760
  portolan_operation_duration_seconds_bucket{port="http",operation="GET /v1/{collection}",code="canceled",le="0.25"} 0+900x5760
  portolan_operation_duration_seconds_count{port="http",operation="GET /v1/{collection}",code="canceled"} 0+900x5760
  portolan_operation_duration_seconds_bucket{port="http",operation="GET /v1/{collection}",code="ok",le="0.25"} 0+5995x5760
  portolan_operation_duration_seconds_count{port="http",operation="GET /v1/{collection}",code="ok"} 0+6000x5760
  portolan_cache_stale_reads_total{collection="a"} 0x5760
  portolan_cache_mode{mode="on"} 1x5760
  portolan_cache_mode{mode="down"} 0x5760
  portolan_cache_fence_failures_total 0x5760
  portolan_pool_in_use_connections{pool="p"} 4x5760
  portolan_pool_max_connections{pool="p"} 16x5760
  portolan_pool_wait_seconds_total{pool="p"} 0+1x5760
  portolan_pool_waits_total{pool="p"} 0+100x5760
  portolan_limit_refused_total{bound="address"} 0+60x5760
  portolan_limit_fallbacks_total 0x5760
  portolan_telemetry_dropped_total{driver="otlp",signal="spans"} 7x5760
`,
	"ill": `load 1m
  portolan_operations_total{port="http",operation="GET /v1/{collection}",code="ok"} 0+6000x5760
  portolan_operations_total{port="http",operation="GET /v1/{collection}",code="internal"} 0+600x5760
  portolan_operation_duration_seconds_bucket{port="http",operation="GET /v1/{collection}",code="ok",le="0.25"} 0+3000x5760
  portolan_operation_duration_seconds_count{port="http",operation="GET /v1/{collection}",code="ok"} 0+6000x5760
  portolan_cache_stale_reads_total{collection="a"} 0+1x5760
  portolan_cache_mode{mode="on"} 0x5760
  portolan_cache_mode{mode="down"} 1x5760
  portolan_cache_fence_failures_total 0+1x5760
  portolan_pool_in_use_connections{pool="p"} 16x5760
  portolan_pool_max_connections{pool="p"} 16x5760
  portolan_pool_wait_seconds_total{pool="p"} 0+60x5760
  portolan_pool_waits_total{pool="p"} 0+100x5760
  portolan_limit_refused_total{bound="address"} 0+3000x5760
  portolan_limit_fallbacks_total 0+1x5760
  portolan_telemetry_dropped_total{driver="otlp",signal="spans"} 0+60x5760
`,
	"hanging": `load 1m
  portolan_operations_total{port="http",operation="GET /v1/{collection}",code="canceled"} 0+900x5760
  portolan_operation_duration_seconds_bucket{port="http",operation="GET /v1/{collection}",code="canceled",le="0.25"} 0x5760
  portolan_operation_duration_seconds_count{port="http",operation="GET /v1/{collection}",code="canceled"} 0+900x5760
`,
}

// TestAlertsFire evaluates every alert over all servers: none fires over the one that is well, each
// over the ill one, and over that which hangs those of slow answers.
func TestAlertsFire(t *testing.T) {
	engine := promqltest.NewTestEngine(t, false, 5*time.Minute, 50_000_000)
	for state, samples := range series {
		store := promqltest.LoadedStorage(t, samples)
		for name, query := range google(t) {
			asked, err := engine.NewInstantQuery(t.Context(), store, promql.NewPrometheusQueryOpts(false, 0), query, time.Unix(0, 0).Add(4*24*time.Hour))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			answer := asked.Exec(t.Context())
			vector, err := answer.Vector()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if fires := len(vector) > 0; fires != (state == "ill" || state == "hanging" && strings.HasPrefix(name, "PortolanSlow")) {
				t.Errorf("over a server that is %s %s fires: %t; %s", state, name, fires, strings.TrimSpace(vector.String()))
			}
			asked.Close()
		}
	}
}
