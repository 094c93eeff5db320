// Command floor is the least program that creates, gets and lists
// cloudPkiSubscriptions as safely stored as cloudpki does: net/http over TLS,
// one SQLite file with a durable commit for each create, the three secrets
// sealed with AES-256-GCM. It is what cloudpki's cost is measured against.
//
// It leaves out what cloudpki is for: no tokens and no permissions, no audit
// trail, no tenants beyond a column, no schedule and no syncs, no queries but
// the one list, no key of its own for each object, no metrics, no limits but
// that of the body. It is written to be fast without tricks: prepared
// statements, one connection that writes and others that read, and no commit
// shared between requests.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address of the HTTPS listener")
	data := flag.String("data", "", "folder of the database and the key")
	cert := flag.String("cert", "", "PEM file with the server's certificate")
	key := flag.String("key", "", "PEM file with its private key")
	flag.Parse()
	if err := run(context.Background(), *listen, *data, *cert, *key); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done or the process is asked to stop.
func run(ctx context.Context, listen, data, cert, key string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	box, err := loadSealer(filepath.Join(data, "floor.key"))
	if err != nil {
		return fmt.Errorf("load the key: %w", err)
	}
	db, err := openStore(filepath.Join(data, "floor.db"))
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return errors.Join(fmt.Errorf("load the certificate: %w", err), db.close())
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), db.close())
	}
	s := &server{db: db, sealer: box, now: time.Now, origin: "https://" + listener.Addr().String()}
	err = serve(ctx, listener, pair, s.handler())
	return errors.Join(err, db.close())
}

// serve has the TLS settings and time limits of cloudpki's listener.
func serve(ctx context.Context, listener net.Listener, pair tls.Certificate, handler http.Handler) error {
	web := &http.Server{
		Handler: handler,
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"},
		},
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stopped <- web.Close()
	}()
	if err := web.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-stopped
}
