package config

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Origin returns where the value of a setting comes from.
func (c Config) Origin(key string) Origin {
	if o, ok := c.origins[key]; ok {
		return o
	}
	return FromDefault
}

// Print writes the effective configuration as YAML, each value with its
// origin behind it. Passwords are masked; secrets stand in files and only
// their paths are shown.
func (c Config) Print(w io.Writer) error {
	out := bufio.NewWriter(w)
	section := ""
	for _, s := range Settings() {
		name, key, _ := strings.Cut(s.Key, ".")
		if name != section {
			fmt.Fprintf(out, "%s:\n", name)
			section = name
		}
		value := reflect.ValueOf(c).FieldByIndex(s.index)
		if isList(value.Type()) && value.Len() > 0 {
			fmt.Fprintf(out, "  %s: # %s\n", key, c.Origin(s.Key))
			printList(out, value)
			continue
		}
		fmt.Fprintf(out, "  %s: %s # %s\n", key, yamlValue(value), c.Origin(s.Key))
	}
	return out.Flush()
}

// printList writes a list of structures.
func printList(out io.Writer, list reflect.Value) {
	for i := range list.Len() {
		item, dash := list.Index(i), "-"
		for j := range item.NumField() {
			fmt.Fprintf(out, "    %s %s: %s\n", dash, item.Type().Field(j).Tag.Get("key"), yamlValue(item.Field(j)))
			dash = " "
		}
	}
}

// yamlValue writes one value, or a list in brackets.
func yamlValue(v reflect.Value) string {
	if v.Kind() == reflect.Slice {
		items := make([]string, v.Len())
		for i := range items {
			items[i] = yamlValue(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	text := show(v.Interface())
	if v.Kind() == reflect.String || v.Kind() == reflect.Struct {
		quoted, err := json.Marshal(text) // a JSON string is a YAML string
		if err != nil {
			return strconv.Quote(text)
		}
		return string(quoted)
	}
	return text
}

// show writes a value as a person would.
func show(value any) string {
	switch v := value.(type) {
	case time.Duration:
		text := v.String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		return text
	case slog.Level:
		return strings.ToLower(v.String())
	case netip.Prefix:
		return v.String()
	default:
		return fmt.Sprint(v)
	}
}
