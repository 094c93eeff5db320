package config

import (
	"encoding"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decode sets the fields of into, a structure with key tags, from values.
// Path is the key of the structure itself.
func decode(faults *Faults, path string, values map[string]any, into reflect.Value) {
	fields, known := map[string]reflect.Value{}, []string{}
	for i := range into.NumField() {
		if key := into.Type().Field(i).Tag.Get("key"); key != "" {
			fields[key] = into.Field(i)
			known = append(known, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		field, ok := fields[key]
		if !ok {
			faults.add(join(path, key), "unknown setting%s", suggestion(join(path, ""), key, known))
			continue
		}
		if values[key] != nil { // "key:" with nothing behind it sets nothing
			decodeField(faults, join(path, key), values[key], field)
		}
	}
}

// decodeField sets one field: a section, a list of structures, or a value.
func decodeField(faults *Faults, path string, value any, field reflect.Value) {
	switch {
	case isList(field.Type()):
		items, ok := value.([]any)
		if !ok {
			faults.add(path, "must be a list in the configuration file")
			return
		}
		list := reflect.MakeSlice(field.Type(), len(items), len(items))
		for i, item := range items {
			decodeSection(faults, fmt.Sprintf("%s[%d]", path, i), item, list.Index(i))
		}
		field.Set(list)
	case field.Kind() == reflect.Struct && field.Type() != reflect.TypeFor[netip.Prefix]():
		decodeSection(faults, path, value, field)
	default:
		if err := decodeValue(value, field); err != nil {
			faults.add(path, "%v", err)
		}
	}
}

// decodeSection sets a structure from a mapping.
func decodeSection(faults *Faults, path string, value any, into reflect.Value) {
	values, ok := value.(map[string]any)
	if !ok {
		faults.add(path, "is a section; put its settings below it, indented")
		return
	}
	decode(faults, path, values, into)
}

// decodeValue sets a field from a single value or a list of them. Lists in
// variables and flags are separated by commas.
func decodeValue(value any, field reflect.Value) error {
	if field.Kind() == reflect.Slice {
		items, err := listOf(value)
		if err != nil {
			return err
		}
		list := reflect.MakeSlice(field.Type(), len(items), len(items))
		for i, item := range items {
			if err := decodeValue(item, list.Index(i)); err != nil {
				return err
			}
		}
		field.Set(list)
		return nil
	}
	text, err := textOf(value)
	if err != nil {
		return err
	}
	return parse(text, field.Addr().Interface())
}

// listOf returns the items of a value.
func listOf(value any) ([]any, error) {
	switch v := value.(type) {
	case []any:
		return v, nil
	case string:
		var items []any
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
		return items, nil
	default:
		return nil, fmt.Errorf("must be a list")
	}
}

// textOf returns a single value as a person would write it.
func textOf(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(v), nil
	default:
		return "", fmt.Errorf("must be a single value")
	}
}

// parse reads text into the value that into points to.
func parse(text string, into any) error {
	switch v := into.(type) {
	case *string:
		*v = text
	case *DatabaseURL:
		*v = DatabaseURL(text)
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*v = b
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		*v = n
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no duration; write it with its unit, such as 30s, 15m or 6h", text)
		}
		*v = d
	case *slog.Level:
		if !slices.Contains([]string{"debug", "info", "warn", "error"}, strings.ToLower(text)) {
			return fmt.Errorf("%q is no level; write debug, info, warn or error", text)
		}
		return v.UnmarshalText([]byte(text))
	case *netip.Prefix:
		return parsePrefix(text, v)
	case encoding.TextUnmarshaler:
		return v.UnmarshalText([]byte(text))
	default:
		return fmt.Errorf("settings of type %T cannot be read", into)
	}
	return nil
}

// parsePrefix reads an address range and helps with the two usual slips: an
// address without a length, and an address inside of the range.
func parsePrefix(text string, into *netip.Prefix) error {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		if ip, err := netip.ParseAddr(text); err == nil {
			return fmt.Errorf("%q is an address, not a range; write %s", text, netip.PrefixFrom(ip, ip.BitLen()))
		}
		return fmt.Errorf("%q is no address range; write it as 10.20.0.0/16 or fd00::/8", text)
	}
	if p != p.Masked() {
		return fmt.Errorf("%q has bits behind its length; write %s", text, p.Masked())
	}
	*into = p
	return nil
}

// join returns the key of a member of path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
