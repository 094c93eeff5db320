package trust

import (
	"bytes"
	"encoding/pem"
	"fmt"
)

// PEM is the roots one after another (RFC 7468): lines of 64 columns that end
// in LF, and no text between them, which not every reader skips. Intermediates
// are left out: a reader of a PEM file takes each for an anchor.
func PEM() Format {
	return Format{Ext: "pem", MediaType: "application/x-pem-file", Doc: "For OpenSSL, curl, Go, Linux and everything that reads PEM.", Write: writePEM}
}

func writePEM(b Bundle, _ Options) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, c := range Sorted(b.Roots) {
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			return nil, fmt.Errorf("write PEM: %w", err)
		}
	}
	return out.Bytes(), nil
}
