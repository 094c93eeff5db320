package process_test

import (
	"testing"
	"time"

	"cloudpki/bench/process"
)

func TestProcessTellsWhatItUses(t *testing.T) {
	t.Parallel()
	p, err := process.Start(t.Context(), []string{"STEP=1"}, "/bin/sh", "-c", "trap 'exit 0' TERM; i=0; while :; do i=$((i+STEP)); done")
	if err != nil {
		t.Fatal(err)
	}
	used := func() time.Duration {
		cpu, err := p.CPU()
		if err != nil {
			t.Fatal(err)
		}
		return cpu
	}
	for deadline := time.Now().Add(10 * time.Second); used() < 50*time.Millisecond; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a program that counts uses no processor time")
		}
	}
	m, err := p.Memory()
	if err != nil {
		t.Fatal(err)
	}
	if m.Resident < 100<<10 || m.Peak < m.Resident || m.Peak > 1<<30 {
		t.Errorf("a shell occupies %d bytes, %d at most", m.Resident, m.Peak)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestStopTellsWhatTheProgramSaid(t *testing.T) {
	t.Parallel()
	p, err := process.Start(t.Context(), nil, "/bin/sh", "-c", "echo no such database; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err == nil {
		t.Error("a program that ended with 3 was stopped without an error")
	}
}
