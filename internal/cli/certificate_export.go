package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

// outputPEM is the form of an export that holds the certificates themselves.
const outputPEM = "pem"

func (p *program) certificateExportCommand() *cobra.Command {
	var flags listFlags
	var only certificateFlags
	var format, file string
	cmd := &cobra.Command{
		Use: "export SUBSCRIPTION", Short: "Write the inventory as CSV, JSON or PEM", Args: one("SUBSCRIPTION"), ValidArgsFunction: p.completeSubscription,
		Long: "Writes every certificate of the inventory that the flags let through, page by page, so that one of any length\n" +
			"takes no memory. A file appears when it is complete. In CSV, what a spreadsheet would run as a formula has an\n" +
			"apostrophe before it. PEM leaves out what the CA has listed without its certificate, and says how many.",
		Example: "  cloudpki certificate export $ID --file inventory.csv\n  cloudpki certificate export $ID --format pem --status valid --file valid.pem",
	}
	cmd.Flags().StringVar(&format, "format", outputCSV, "csv, json or pem")
	cmd.Flags().StringVar(&file, "file", "", "file to write (default: standard output)")
	flags.addConditions(cmd)
	flags.addSearch(cmd)
	only.add(cmd)
	flags.all = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		conditions, err := only.conditions(p.now())
		if err != nil {
			return err
		}
		options := flags.options(conditions...)
		if format == outputPEM {
			options.Select = []string{"certificate"}
		}
		return p.toFile(file, func(w io.Writer) error {
			out, err := p.exporter(w, format)
			if err != nil {
				return err
			}
			return p.export(cmd.Context(), out, options, subscriptionSet, args[0], certificateSet)
		})
	}
	return cmd
}

// exporter returns the writer of certificates in a form.
func (p *program) exporter(w io.Writer, format string) (objectWriter, error) {
	switch format {
	case outputCSV:
		return newCSVWriter(w, certificateTitles(), certificateRecord), nil
	case outputJSON:
		return newJSONWriter(w), nil
	case outputPEM:
		return &pemWriter{p: p, out: bufio.NewWriter(w)}, nil
	}
	return nil, misuse("", "--format is %q; it must be csv or json or pem", format)
}

// export writes a set page by page.
func (p *program) export(ctx context.Context, out objectWriter, options graph.ListOptions, segments ...string) error {
	service, err := p.service()
	if err != nil {
		return err
	}
	for object, err := range service.Objects(ctx, options, segments...) {
		if err != nil {
			return errors.Join(err, out.flush())
		}
		if err := out.add(object); err != nil {
			return err
		}
	}
	return out.close()
}

// toFile has write fill the file at path, or the results where path is "". The
// file is put in its place when it is complete: an export that broke off is
// never taken for one.
func (p *program) toFile(path string, write func(io.Writer) error) (err error) {
	if path == "" {
		return write(p.out)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".cloudpki-*")
	if err != nil {
		var at *fs.PathError // has a name that says nothing
		if errors.As(err, &at) {
			err = at.Err
		}
		return &failure{exit: exitUsage, msg: path + " cannot be written", err: err}
	}
	err = write(f)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// A pemWriter writes certificates as PEM (RFC 7468), one after another.
type pemWriter struct {
	p              *program
	out            *bufio.Writer
	count, without int
}

func (w *pemWriter) add(object json.RawMessage) error {
	var c graph.Certificate
	if err := json.Unmarshal(object, &c); err != nil {
		return notUnderstood(err)
	}
	if len(c.DER) == 0 {
		w.without++
		return nil
	}
	w.count++
	if err := pem.Encode(w.out, &pem.Block{Type: "CERTIFICATE", Bytes: c.DER}); err != nil {
		return fmt.Errorf("write PEM: %w", err)
	}
	return nil
}

func (w *pemWriter) flush() error { return w.out.Flush() }

func (w *pemWriter) close() error {
	if w.without > 0 {
		w.p.note("%d certificates are left out: the CA lists them without their DER", w.without)
	}
	if w.count == 0 && w.without == 0 {
		w.p.note("no certificates")
	}
	return w.flush()
}
