package cli

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
	"cloudpki/internal/provider"
)

// maxRequestBytes bounds a certification request that is read.
const maxRequestBytes = 128 << 10

func (p *program) certificateIssueCommand() *cobra.Command {
	var request, profile, key, file string
	cmd := &cobra.Command{
		Use: "issue SUBSCRIPTION", Short: "Have the CA issue a certificate for a request", Args: one("SUBSCRIPTION"), ValidArgsFunction: p.completeSubscription,
		Long: "Has the CA issue a certificate for a certification request (PKCS#10, PEM or DER) and writes it as PEM, with those\n" +
			"above it. The private key stays where the request was made. The same request for the same profile gives the same\n" +
			"certificate for 24 hours; --idempotency-key with another word makes it another request.",
		Example: "  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout device.key -subj /CN=device-7 |\n" +
			"    cloudpki certificate issue $ID --csr - --profile devices --out device.pem",
	}
	cmd.Flags().StringVar(&request, "csr", "", "file with the request; - reads standard input")
	cmd.Flags().StringVar(&profile, "profile", "", "what the CA calls the sort of certificate (default: what the subscription's settings say)")
	cmd.Flags().StringVar(&file, "out", "", "file to write (default: standard output)")
	cmd.Flags().StringVar(&key, "idempotency-key", "", "the CA is asked once for the same key (default: made of the request and the profile)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		csr, err := p.readRequest(request)
		if err != nil {
			return err
		}
		service, err := p.service()
		if err != nil {
			return err
		}
		return p.toFile(file, func(w io.Writer) error {
			issued, err := service.IssueCertificate(cmd.Context(), args[0], cmp.Or(key, requestKey(csr, profile)), csr, profile)
			if err != nil {
				return withConflictHint(err, "look for the certificate with cloudpki certificate list "+args[0]+"; --idempotency-key with another word asks the CA anew")
			}
			if len(issued) == 0 {
				return &failure{exit: exitWaiting, msg: "the request waits for a person to approve it at the CA", hint: "when it is approved, the same command writes the certificate"}
			}
			return p.writeIssued(w, issued)
		})
	}
	return cmd
}

// readRequest reads a certification request, PEM or DER, and returns its DER:
// whatever else the file holds, a key too, is not sent.
func (p *program) readRequest(path string) ([]byte, error) {
	if path == "" {
		return nil, misuse("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout FILE.key -subj /CN=NAME -out FILE.csr makes one", "--csr is missing")
	}
	text, err := p.readInput(path, maxRequestBytes)
	if err != nil {
		return nil, err
	}
	request := text
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if slices.Contains([]string{"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}, block.Type) {
			request = block.Bytes
			break
		}
	}
	csr, err := provider.ParseCSR(request)
	if err != nil {
		return nil, &failure{exit: exitUsage, msg: inputName(path), err: err}
	}
	return csr.Raw, nil
}

// requestKey is the same for the same request: whoever repeats a command that
// broke off gets what the CA has issued then.
func requestKey(csr []byte, profile string) string {
	sum := sha256.Sum256(append([]byte(profile+"\x00"), csr...))
	return "csr-" + hex.EncodeToString(sum[:16])
}

// writeIssued writes the certificate and those above it as PEM, or the answer
// as it came.
func (p *program) writeIssued(w io.Writer, answer json.RawMessage) error {
	var issued graph.IssuedCertificate
	if err := json.Unmarshal(answer, &issued); err != nil {
		return notUnderstood(err)
	}
	p.note("issued certificate %s, serial number %s", issued.ID, issued.Serial)
	if p.output == outputJSON {
		text, err := indented(answer, "")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, text)
		return err
	}
	out := bufio.NewWriter(w)
	for _, der := range append([][]byte{issued.DER}, issued.Chain...) {
		if err := pem.Encode(out, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			return fmt.Errorf("write PEM: %w", err)
		}
	}
	return out.Flush()
}
