package graph

import (
	"context"
	"encoding/json"
	"net/http"
)

// An IssuedCertificate is the answer to IssueCertificate.
type IssuedCertificate struct {
	ID     string   `json:"certificateId"` // of the certificate in the inventory
	Serial string   `json:"serialNumber"`  // lower-case hex
	DER    []byte   `json:"certificate"`
	Chain  [][]byte `json:"chain"` // DER of those above it, its issuer first
}

// IssueCertificate has the CA of a subscription issue a certificate for csr
// (PKCS#10, RFC 2986, DER) under a profile, which may be "". With the same key
// the CA is asked once; "" is none. The answer is as it came, an
// IssuedCertificate, and empty while the request waits for approval at the CA.
func (c *Client) IssueCertificate(ctx context.Context, id, key string, csr []byte, profile string) (issued json.RawMessage, err error) {
	body := map[string]any{"certificateSigningRequest": csr} // base64, as encoding/json writes bytes
	if profile != "" {
		body["profile"] = profile
	}
	var header http.Header
	if key != "" {
		header = http.Header{"Idempotency-Key": {key}}
	}
	_, err = c.write(ctx, http.MethodPost, c.address(subscriptionSet, id, "issueCertificate"), body, header, &issued)
	return issued, err
}

// RevokeCertificate has the CA of a subscription revoke a certificate of the
// inventory for a reason in the spelling of RFC 5280, 5.3.1.
func (c *Client) RevokeCertificate(ctx context.Context, id, certificate, reason string) error {
	_, err := c.write(ctx, http.MethodPost, c.address(subscriptionSet, id, "certificates", certificate, "revoke"), map[string]string{"reason": reason}, nil, nil)
	return err
}
