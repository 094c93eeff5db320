package web

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/limit"
)

// Limits bound what people and strangers may take of the console. Zero values
// mean the defaults. Each process counts for itself.
type Limits struct {
	PerMinute        int // requests of one person in one tenant; DefaultPerMinute
	SignInsPerMinute int // steps of signing in from one network (limit.Network); DefaultSignIns
	Concurrent       int // pages being made at once; DefaultConcurrent
	Long             int // exports, uploads and tests of connections under way at once; DefaultLong
	Count            int // people, and networks, remembered at once; DefaultCount
}

// The defaults of Limits. Of the places a tenant has at most half and a person
// a quarter. A page that watches a sync asks 20 times a minute, and signing in
// takes 2 or 3 steps.
const (
	DefaultPerMinute  = 1200
	DefaultSignIns    = 600
	DefaultConcurrent = 128
	DefaultLong       = 32
	DefaultCount      = 1 << 16
)

// busyWait is after what time to ask again where all places are taken, in
// seconds.
const busyWait = 5

// bounds are what enforces Limits.
type bounds struct {
	people  *limit.Budgets[limit.Client]
	signIns *limit.Budgets[limit.Client] // by network
	pages   *limit.Slots
	long    *limit.Slots
}

func newBounds(l Limits) bounds {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&l.PerMinute, DefaultPerMinute},
		{&l.SignInsPerMinute, DefaultSignIns},
		{&l.Concurrent, DefaultConcurrent},
		{&l.Long, DefaultLong},
		{&l.Count, DefaultCount},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return bounds{
		people:  limit.NewBudgets(func(limit.Client) int { return l.PerMinute }, l.Count),
		signIns: limit.NewBudgets(func(limit.Client) int { return l.SignInsPerMinute }, l.Count),
		pages:   limit.NewSlots(l.Concurrent),
		long:    limit.NewSlots(l.Long),
	}
}

// signsIn lets everybody in, as often as their network may try to sign in.
func (s *Server) signsIn(serve func(*visit) error) http.HandlerFunc {
	return s.open(func(v *visit) error {
		network := limit.Network(v.r.RemoteAddr)
		who := limit.Client{Tenant: "network " + network, Name: network}
		if used := s.bounds.signIns.Spend(who, s.now()); used.Wait > 0 {
			return errTooManySignIns(used.Wait)
		}
		return within(s.bounds.pages, who, func() error { return serve(v) })
	})
}

// takesLong is signedIn for what is under way for long, or reads much.
func (s *Server) takesLong(need auth.Permission, serve func(*visit) error) http.HandlerFunc {
	return s.admitted(need, s.bounds.long, s.withForm(serve))
}

// bounded serves who has signed in, within their budget and the places.
func (s *Server) bounded(v *visit, places *limit.Slots, serve func() error) error {
	p := v.session.Principal
	who := limit.Client{Tenant: string(p.Tenant), Name: p.Subject}
	if used := s.bounds.people.Spend(who, s.now()); used.Wait > 0 {
		return errTooManyRequests(used.Wait)
	}
	return within(places, who, serve)
}

// within takes one of the places for as long as serve runs.
func within(places *limit.Slots, who limit.Client, serve func() error) error {
	switch places.Take(who) {
	case limit.GeneralShortage:
		return errFull()
	case limit.ClientShortage, limit.TenantShortage:
		return errNoPlace()
	case limit.NoShortage:
	}
	defer places.GiveBack(who)
	return serve()
}

func errTooManyRequests(wait int) error {
	return &fault{
		status: http.StatusTooManyRequests, title: "Too many requests", wait: wait,
		Msg: "You have asked the console for too much in too short a time, so this was not done. " + tryAgain(wait),
	}
}

func errTooManySignIns(wait int) error {
	return &fault{
		status: http.StatusTooManyRequests, title: "Too many sign-ins", SignIn: true, wait: wait,
		Msg: "Too many people or programs have tried to sign in from your network in a short time. " + tryAgain(wait),
	}
}

func errNoPlace() error {
	return &fault{
		status: http.StatusTooManyRequests, title: "Too much at once", wait: busyWait,
		Msg: "You, or your tenant together, have as much under way as may be at once, so this was not done. Let an export, an upload or a test of a connection end. " + tryAgain(busyWait),
	}
}

func errFull() error {
	return &fault{
		status: http.StatusServiceUnavailable, title: "The console is busy", wait: busyWait, Cause: errors.New("all places of the console are taken"),
		Msg: "The console serves as many requests as it can at once, so this was not done. " + tryAgain(busyWait),
	}
}

// tryAgain says when to, in seconds.
func tryAgain(wait int) string {
	return fmt.Sprintf("Try again in %s.", time.Duration(wait)*time.Second)
}
