package trust

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // The format knows no other hash, and it guards against accidents alone.
	"encoding/binary"
	"unicode/utf16"
)

// What begins a Java keystore and its entries, and what its hash is salted
// with (OpenJDK, sun.security.provider.JavaKeyStore).
const (
	jksMagic   = 0xFEEDFEED
	jksVersion = 2
	jksTrusted = 2 // an entry that is a trusted certificate
	jksSalt    = "Mighty Aphrodite"
)

// JKS is a truststore in the older form of Java. Its SHA-1 over the password,
// [DefaultPassword] unless the options have another, is against accidents
// only: PKCS #12 is better where it can be read.
func JKS() Format {
	return Format{Ext: "jks", MediaType: "application/x-java-keystore", Doc: "A truststore for Java that cannot read PKCS #12; the password is changeit.", Write: writeJKS}
}

func writeJKS(b Bundle, o Options) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	roots := Sorted(b.Roots)
	out := binary.BigEndian.AppendUint32(nil, jksMagic)
	out = binary.BigEndian.AppendUint32(out, jksVersion)
	out = binary.BigEndian.AppendUint32(out, uint32(len(roots)))
	for _, c := range roots {
		out = binary.BigEndian.AppendUint32(out, jksTrusted)
		out = appendJavaText(out, alias(c))
		out = binary.BigEndian.AppendUint64(out, uint64(b.Changed.UnixMilli())) // two's complement, as Java's long
		out = appendJavaText(out, "X.509")
		out = binary.BigEndian.AppendUint32(out, uint32(len(c.Raw)))
		out = append(out, c.Raw...)
	}
	sum := jksSum(o.password(), out)
	return append(out, sum[:]...), nil
}

// jksSum returns the SHA-1 of the password as big-endian UTF-16, the salt and
// the data.
func jksSum(password string, data []byte) [sha1.Size]byte {
	var all bytes.Buffer
	for _, unit := range utf16.Encode([]rune(password)) {
		all.Write(binary.BigEndian.AppendUint16(nil, unit))
	}
	all.WriteString(jksSalt)
	all.Write(data)
	return sha1.Sum(all.Bytes()) //nolint:gosec // see JKS
}

// appendJavaText appends ASCII of at most 65535 bytes as Java's
// DataOutput.writeUTF does.
func appendJavaText(out []byte, ascii string) []byte {
	out = binary.BigEndian.AppendUint16(out, uint16(len(ascii)))
	return append(out, ascii...)
}
