package trust

import (
	"errors"
	"fmt"
)

// ErrSeveralRoots is the error of a bundle with two roots or more in a format
// for one.
var ErrSeveralRoots = errors.New("the format holds one root, and the bundle has several")

// DER is the one root, as X.509 defines it (RFC 5280 section 4.1).
func DER() Format {
	return Format{Ext: "cer", MediaType: "application/pkix-cert", Doc: "One root in DER, for Windows, Android and whatever installs a single certificate.", Write: writeDER}
}

func writeDER(b Bundle, _ Options) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	roots := Sorted(b.Roots)
	if len(roots) > 1 {
		return nil, fmt.Errorf("write bundle %s as DER: %w: %d", b.Name, ErrSeveralRoots, len(roots))
	}
	return roots[0].Raw, nil
}
