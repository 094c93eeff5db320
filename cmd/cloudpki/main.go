// Command cloudpki keeps subscriptions to third-party certification
// authorities: server, worker and client in one program.
package main

import (
	"context"
	"os"

	"cloudpki/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
