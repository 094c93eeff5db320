package app

import (
	"github.com/prometheus/client_golang/prometheus"
)

// watchSyncer adds the figures of the syncs under way.
func (m *metrics) watchSyncer(load func() (atWork, waiting int)) {
	gauge := func(state string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "cloudpki_syncs_running", ConstLabels: prometheus.Labels{"state": state},
			Help: "Syncs under way: working, or waiting for a CA that does not answer.",
		}, read)
	}
	m.registry.MustRegister(
		gauge("working", func() float64 { atWork, _ := load(); return float64(atWork) }),
		gauge("waiting", func() float64 { _, waiting := load(); return float64(waiting) }),
	)
}

// watchBreakers adds the figures of the circuit breakers.
func (m *metrics) watchBreakers(read func() (open int, opened int64)) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "cloudpki_ca_breakers_open", Help: "Hosts of CAs that are not called because they failed, counted for each tenant that met it.",
		}, func() float64 { open, _ := read(); return float64(open) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "cloudpki_ca_breakers_opened_total", Help: "How often a host of a CA was no longer called because it had failed.",
		}, func() float64 { _, opened := read(); return float64(opened) }),
	)
}
