package notify

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// A Signer signs deliveries as Standard Webhooks has it, with Ed25519: the
// receiver needs no secret to tell that they are genuine.
type Signer struct {
	key  ed25519.PrivateKey
	keys []byte
}

// NewSigner returns a Signer for a seed of 32 bytes. The same seed gives the
// same key, in every process and after a restart.
func NewSigner(seed []byte) (*Signer, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("notification signature: the seed has %d bytes, not %d", len(seed), ed25519.SeedSize)
	}
	s := &Signer{key: ed25519.NewKeyFromSeed(seed)}
	public, ok := s.key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("notification signature: the public key is a %T", s.key.Public())
	}
	x := base64.RawURLEncoding.EncodeToString(public)
	// The thumbprint of the key (RFC 8037, appendix A.3) is its name.
	thumbprint := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	type jwk struct {
		Type  string `json:"kty"`
		Curve string `json:"crv"`
		X     string `json:"x"`
		ID    string `json:"kid"`
		Use   string `json:"use"`
		Alg   string `json:"alg"`
	}
	var err error
	s.keys, err = json.Marshal(map[string][]jwk{"keys": {{
		Type: "OKP", Curve: "Ed25519", X: x, ID: base64.RawURLEncoding.EncodeToString(thumbprint[:]), Use: "sig", Alg: "EdDSA",
	}}})
	return s, err
}

// KeysPath is where receivers find the public key.
const KeysPath = "/.well-known/notification-keys"

// ServeHTTP answers with the public key, as a JWK Set (RFC 7517).
func (s *Signer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("Content-Length", strconv.Itoa(len(s.keys)))
	_, _ = w.Write(s.keys) // what fails here is the client's connection
}

// sign adds the header fields of Standard Webhooks.
func (s *Signer) sign(h http.Header, id string, now time.Time, body string) {
	at := strconv.FormatInt(now.Unix(), 10)
	signature := ed25519.Sign(s.key, []byte(id+"."+at+"."+body))
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", at)
	h.Set("webhook-signature", "v1a,"+base64.StdEncoding.EncodeToString(signature))
}
