// Command cloudpki keeps subscriptions to third-party certification
// authorities: server, worker and client in one program.
package main

import (
	"context"
	"io"
	"log"
	"os"

	"cloudpki/internal/cli"
)

func main() {
	// Ours go through slog. What is left is net/http's own, which repeats what a
	// server sends without being asked, and that may be a secret it was sent.
	log.SetOutput(io.Discard)
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
