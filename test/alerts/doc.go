// Package alerts holds the tests of configs/alerts and configs/dashboards: a module of its
// own, so that the program does not depend on Prometheus for them.
package alerts
