package provider

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// renegotiator starts OpenSSL's server of TLS 1.2 and returns its address. After
// each request it asks for a client certificate in another handshake, as some
// web servers do for a single path.
func renegotiator(t *testing.T, ca issuer) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	server := issue(t, ca, forLoopback)
	key, err := x509.MarshalPKCS8PrivateKey(server.key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "server.pem")
	if err := os.WriteFile(file, append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), server.pem()...), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "openssl", "s_server", "-tls1_2", "-accept", addr, "-cert", file, "-key", file)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "ACCEPT") {
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "POST ") {
				_, _ = io.WriteString(in, "R\n") // a server that is gone needs no command
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has no other end
		<-done
		_ = cmd.Wait() // tells of the kill
	})
	return addr
}

func TestTransportExplainsRenegotiation(t *testing.T) {
	ca := newIssuer(t)
	addr := renegotiator(t, ca)
	_, err := get(t.Context(), newClient(t, loopback(TransportOptions{}), ClientOptions{ServerCAs: ca.pem()}), fmt.Sprintf("https://%s/", addr))
	wantError(t, err, CodeProtocol, "renegotiation")
}
