package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"cloudpki/internal/casim"
)

// A source is a CA to subscribe to.
type source struct {
	key      string // in state.Subscriptions
	name     string // displayName
	provider string
	uri      string
	settings map[string]string
	serverCA []byte // PEM; nil where the settings pin the server
	pfx      []byte
	password string
}

const (
	simulated   = "symantec"
	inventory   = 120 // certificates of a fresh simulated CA: three pages
	raValidity  = 365 * 24 * time.Hour
	expiredDays = 30
)

// startSources starts the CAs.
func (s *session) startSources(ctx context.Context, group *errgroup.Group) error {
	if err := s.startSimulated(ctx, group); err != nil {
		return err
	}
	for _, with := range s.With {
		if with != stepCA {
			return fmt.Errorf("--with %s: only %s is known", with, stepCA)
		}
		if err := s.startStepCA(ctx, group); err != nil {
			return err
		}
	}
	return nil
}

// startSimulated starts the simulated MPKI 8 with an inventory in which every
// state occurs.
func (s *session) startSimulated(ctx context.Context, group *errgroup.Group) error {
	s.out.step("Starting a simulated Symantec MPKI 8 CA")
	folder := filepath.Join(s.Data, "casim")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make the folder of the simulated CA: %w", err)
	}
	ca, err := casim.New(casim.Options{Dir: folder, UpdateHours: 24})
	if err != nil {
		return err
	}
	if len(ca.Certificates()) == 0 {
		if err := stock(ca); err != nil {
			return errors.Join(fmt.Errorf("issue certificates: %w", err), ca.Close())
		}
	}
	server, err := s.listenSimulated(ctx, ca)
	if err != nil {
		return errors.Join(err, ca.Close())
	}
	group.Go(func() error {
		<-ctx.Done()
		return errors.Join(server.Close(), ca.Close())
	})
	pfx, password, err := ca.IssueRA("cloudpki dev RA", raValidity)
	if err != nil {
		return fmt.Errorf("issue an RA certificate: %w", err)
	}
	s.sources = append(s.sources, source{
		key: simulated, name: "Simulated Symantec MPKI 8", provider: simulated,
		uri: server.URL, serverCA: ca.ServerCAs(), pfx: pfx, password: password,
	})
	return nil
}

// listenSimulated keeps the port of the last start, which the subscription
// names, where it is still free.
func (s *session) listenSimulated(ctx context.Context, ca *casim.CA) (*casim.Server, error) {
	if s.state.CAListen != "" {
		if server, err := ca.Start(ctx, s.state.CAListen); err == nil {
			return server, nil
		}
	}
	server, err := ca.Start(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the simulated CA: %w", err)
	}
	s.state.CAListen = strings.TrimPrefix(strings.TrimSuffix(server.URL, "/pki-ws/"), "https://")
	return server, nil
}

func stock(ca *casim.CA) error {
	serials, err := ca.Issue(inventory)
	if err != nil {
		return err
	}
	now := time.Now()
	if _, err := ca.IssueBetween(5, now.AddDate(-1, 0, 0), now.AddDate(0, 0, -expiredDays)); err != nil {
		return err
	}
	return errors.Join(
		ca.Revoke(serials[3], "KeyCompromise"), ca.Revoke(serials[50], "Superseded"),
		ca.Revoke(serials[77], "CessationOfOperation"), ca.Suspend(serials[101]),
	)
}

func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read a client's secret: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
