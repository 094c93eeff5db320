package dev

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"cloudpki/internal/casim/stepcaconfig"
)

// stepCA is the program that --with names.
const stepCA = "step-ca"

const (
	stepCAStart = 20 * time.Second
	stepCAStop  = 5 * time.Second
)

// startStepCA runs the step-ca program on the path with a configuration of its
// own in the data directory.
func (s *session) startStepCA(ctx context.Context, group *errgroup.Group) error {
	program, err := exec.LookPath(stepCA)
	if err != nil {
		return fmt.Errorf("--with %s: no %s program on the path: %w", stepCA, stepCA, err)
	}
	s.out.step("Starting %s", program)
	folder := filepath.Join(s.Data, stepCA)
	address, root, err := stepCAConfig(ctx, folder)
	if err != nil {
		return fmt.Errorf("--with %s: %w", stepCA, err)
	}
	log, err := os.OpenFile(filepath.Join(folder, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("--with %s: %w", stepCA, err)
	}
	cmd := exec.CommandContext(ctx, program, filepath.Join(folder, "ca.json"))
	cmd.Env = append(os.Environ(), "STEPPATH="+folder)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stepCAStop
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("--with %s: %w", stepCA, err), log.Close())
	}
	group.Go(func() error {
		err := errors.Join(cmd.Wait(), log.Close())
		if ctx.Err() == nil {
			return fmt.Errorf("%s ended, see %s: %w", stepCA, log.Name(), err)
		}
		return nil // it was told to stop
	})
	if err := awaitHealth(ctx, "https://"+address+"/health", root); err != nil {
		return fmt.Errorf("--with %s, see %s: %w", stepCA, log.Name(), err)
	}
	sum := sha256.Sum256(root.Raw)
	s.sources = append(s.sources, source{
		key: stepCA, name: "step-ca of this machine", provider: "stepCa", uri: "https://" + address,
		settings: map[string]string{"rootFingerprint": hex.EncodeToString(sum[:])},
	})
	return nil
}

// stepCAConfig makes the configuration, or reads that of an earlier start.
func stepCAConfig(ctx context.Context, folder string) (address string, root *x509.Certificate, err error) {
	text, err := os.ReadFile(filepath.Join(folder, "ca.json"))
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return "", nil, err
		}
		if address, err = freeAddress(ctx, "127.0.0.1:0"); err != nil {
			return "", nil, err
		}
		files, err := stepcaconfig.Write(folder, address, stepcaconfig.Options{})
		return address, files.Root, err
	}
	var config struct {
		Address string `json:"address"`
		Root    string `json:"root"`
	}
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		return "", nil, err
	}
	text, err = os.ReadFile(config.Root)
	if err != nil {
		return "", nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return "", nil, fmt.Errorf("%s is not PEM", config.Root)
	}
	root, err = x509.ParseCertificate(block.Bytes)
	return config.Address, root, err
}

// awaitHealth waits until url answers 200 under root.
func awaitHealth(ctx context.Context, url string, root *x509.Certificate) error {
	ctx, stop := context.WithTimeout(ctx, stepCAStart)
	defer stop()
	roots := x509.NewCertPool()
	roots.AddCert(root)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close() // only its status counts
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("HTTP %d", resp.StatusCode)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
