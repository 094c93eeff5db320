package config

import (
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"time"
)

// envPrefix begins the name of every variable.
const envPrefix = "CLOUDPKI_"

// A Setting describes one value of the configuration.
type Setting struct {
	Key  string // as in the file and for flags: "sync.interval"
	Env  string // its variable: "CLOUDPKI_SYNC_INTERVAL"; "" where only the file can set it
	Type string // for a person: "duration"

	index []int // of the field
}

// Settings returns every setting in the order of the manual.
func Settings() []Setting {
	var all []Setting
	root := reflect.TypeFor[Config]()
	for i := range root.NumField() {
		section := root.Field(i)
		key := section.Tag.Get("key")
		if key == "" {
			continue
		}
		for j := range section.Type.NumField() {
			field := section.Type.Field(j)
			s := Setting{Key: key + "." + field.Tag.Get("key"), Type: typeName(field.Type), index: []int{i, j}}
			if !isList(field.Type) {
				s.Env = envName(s.Key)
			}
			all = append(all, s)
		}
	}
	return all
}

// envName returns the variable of a key.
func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// isList reports whether values of type t are lists of structures, which only
// a file can hold.
func isList(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && t.Elem() != reflect.TypeFor[netip.Prefix]()
}

// typeName names a type for the manual.
func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[Size]():
		return "size"
	case reflect.TypeFor[slog.Level]():
		return "level"
	case reflect.TypeFor[DatabaseURL]():
		return "address"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "number"
	case reflect.Slice:
		if t.Elem() == reflect.TypeFor[netip.Prefix]() {
			return "list of address ranges"
		}
		return "list"
	default:
		return "text"
	}
}
