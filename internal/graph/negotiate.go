package graph

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"cloudpki/internal/odata"
)

// The media types that are answered in.
const (
	mediaJSON = "application/json"
	mediaXML  = "application/xml"
	mediaText = "text/plain"
)

// negotiate finds out how the answer is to be written: from $format, else from
// Accept (OData 4.01 protocol, 11.2.12).
func (s *Server) negotiate(x *exchange) error {
	for _, field := range [...]struct {
		name, key string
		speaks    func(version string) bool
	}{{"OData-MaxVersion", "Odata-Maxversion", reachesFour}, {"OData-Version", "Odata-Version", isFour}} {
		if v := x.header(field.key); v != "" && !field.speaks(v) {
			return badRequest(field.name, "OData-Version %s is not spoken here; 4.0 and 4.01 are.", printable(v))
		}
	}
	if format, ok := formatOption(x.r.URL.RawQuery); ok {
		return x.takeFormat(format)
	}
	return x.takeAccept(strings.Join(x.r.Header["Accept"], ","))
}

func isFour(version string) bool {
	return version == "4" || version == "4.0" || version == newestVersion
}

// reachesFour reports whether an upper bound admits what is spoken here.
func reachesFour(version string) bool {
	n, err := strconv.ParseFloat(version, 64)
	return err == nil && n >= 4
}

// takeFormat reads the value of $format: json, xml or a media type.
func (x *exchange) takeFormat(format string) error {
	switch {
	case equalFold(format, "json"):
		x.media = mediaJSON
		return nil
	case equalFold(format, "xml") && x.route.offers(mediaXML):
		x.media = mediaXML
		return nil
	}
	if _, ok := x.takeRange(format); ok && strings.Contains(format, "/") {
		return nil
	}
	return badRequest("$format", "The value of '$format' is not one of: %s.", x.route.formats())
}

// takeAccept reads the media ranges of Accept and takes the one with the
// greatest weight; the first of equals.
func (x *exchange) takeAccept(accept string) error {
	x.media = x.route.media()
	if strings.TrimSpace(accept) == "" {
		return nil
	}
	best, media, format := 0.0, "", odata.Format{}
	for part := range strings.SplitSeq(accept, ",") {
		weight, ok := x.takeRange(part)
		if ok && weight > best {
			best, media, format = weight, x.media, x.format
		}
	}
	if best == 0 {
		return notAcceptable("No media type in Accept can be answered in. Send one of: %s.", x.route.formats())
	}
	x.media, x.format = media, format
	return nil
}

// takeRange takes one media range, if the route can answer in it, and returns
// its weight.
func (x *exchange) takeRange(text string) (weight float64, ok bool) {
	name, parameters, _ := strings.Cut(text, ";")
	media, ok := x.route.match(strings.ToLower(strings.TrimSpace(name)))
	if !ok {
		return 0, false
	}
	format, weight, ok := readParameters(parameters)
	if ok {
		x.media, x.format = media, format
	}
	return weight, ok
}

// readParameters reads the parameters of OData JSON 4.01, section 3, and the
// weight of RFC 9110, 12.4.2. Parameters of others are ignored.
func readParameters(text string) (f odata.Format, weight float64, ok bool) {
	weight = 1
	for parameter := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.ToLower(strings.TrimSpace(value))
		switch name {
		case "q":
			if weight, ok = readWeight(value); !ok {
				return f, 0, false
			}
		case "odata.metadata", "metadata":
			levels := map[string]odata.Metadata{"minimal": odata.MetadataMinimal, "none": odata.MetadataNone, "full": odata.MetadataFull}
			if f.Metadata, ok = levels[value]; !ok {
				return f, 0, false
			}
		case "ieee754compatible":
			if value != "true" && value != "false" {
				return f, 0, false
			}
			f.IEEE754 = value == "true"
		}
	}
	return f, weight, true
}

// readWeight reads 0, 1 and what lies between, with up to three digits.
func readWeight(text string) (float64, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	if whole != "0" && whole != "1" || len(fraction) > 3 {
		return 0, false
	}
	weight, step := 0.0, 0.1
	for _, c := range fraction {
		if c < '0' || c > '9' {
			return 0, false
		}
		weight += float64(c-'0') * step
		step /= 10
	}
	if whole == "1" {
		return 1, weight == 0
	}
	return weight, true
}

// formatOption returns the value of $format, with or without its dollar sign.
func formatOption(query string) (string, bool) {
	if query == "" {
		return "", false
	}
	for part := range strings.SplitSeq(query, "&") {
		if optionName(part) != "format" {
			continue
		}
		_, value, _ := strings.Cut(part, "=")
		if value, err := url.QueryUnescape(value); err == nil {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// preferences are what Prefer (RFC 7240) asks for; unknown ones are ignored.
type preferences struct {
	minimal, representation bool
	maxPageSize             string
	continueOnError         string // "true", "false", or "" for no wish
}

func readPrefer(h http.Header) preferences {
	var p preferences
	for part := range strings.FieldsFuncSeq(strings.Join(h["Prefer"], ","), func(r rune) bool { return r == ',' || r == ';' }) {
		name, value, _ := strings.Cut(part, "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch name = strings.TrimSpace(name); {
		case equalFold(name, "return"):
			if !p.minimal && !p.representation { // the first one counts: RFC 7240, 2
				p.minimal, p.representation = equalFold(value, "minimal"), equalFold(value, "representation")
			}
		case equalFold(name, "odata.maxpagesize"), equalFold(name, "maxpagesize"):
			p.maxPageSize = value
		case equalFold(name, "odata.continue-on-error"), equalFold(name, "continue-on-error"):
			p.continueOnError = "true"
			if equalFold(value, "false") {
				p.continueOnError = "false"
			}
		}
	}
	return p
}
