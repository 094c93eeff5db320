package trust

import (
	"crypto/sha1" //nolint:gosec // Windows names certificates by it.
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// SyncML is the body of an OMA DM 1.2 message for Windows 10 and later: one
// Add for each certificate to the RootCATrustedCertificates CSP, roots to Root
// and intermediates to CA ([MS-MDE2] section 2.2.9.4).
//
// The Adds are not in an Atomic: a device answers 418 for a certificate that
// it has, and within an Atomic that answer would undo the others. A Replace
// would not do either: nothing says that it makes what is missing, and the
// name of the node, a hash of the certificate, leaves nothing to replace.
func SyncML() Format {
	return Format{
		Ext: "syncml", MediaType: "application/vnd.syncml.dm+xml",
		Doc: "Commands for Windows 10 and later that any MDM server can send.", Write: writeSyncML,
	}
}

func writeSyncML(b Bundle, _ Options) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	var w xmlWriter
	w.open(`SyncBody xmlns="SYNCML:SYNCML1.2"`)
	roots := Sorted(b.Roots)
	for i, c := range roots {
		w.add(i+1, "Root", c)
	}
	for i, c := range b.intermediates() {
		w.add(len(roots)+i+1, "CA", c)
	}
	w.close("SyncBody")
	return w.out.Bytes(), nil
}

// add writes the command that adds the certificate to the store.
func (w *xmlWriter) add(command int, store string, c *x509.Certificate) {
	sum := sha1.Sum(c.Raw) //nolint:gosec // see the import
	w.open("Add")
	w.element("CmdID", strconv.Itoa(command))
	w.open("Item")
	w.open("Target")
	w.element("LocURI", "./Device/Vendor/MSFT/RootCATrustedCertificates/"+store+"/"+strings.ToUpper(hex.EncodeToString(sum[:]))+"/EncodedCertificate")
	w.close("Target")
	w.open("Meta")
	w.element(`Format xmlns="syncml:metinf"`, "b64")
	w.close("Meta")
	w.element("Data", base64.StdEncoding.EncodeToString(c.Raw))
	w.close("Item")
	w.close("Add")
}
