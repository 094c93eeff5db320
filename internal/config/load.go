package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"
)

// maxFileBytes bounds the configuration file.
const maxFileBytes = 1 << 20

// Sources say where Load looks. A later one overrides an earlier one.
type Sources struct {
	File    string            // path of a YAML file; "" for none
	Environ []string          // NAME=value, as os.Environ returns it
	Flags   map[string]string // values by key: "sync.interval"

	// Ignore lists variables that begin with CLOUDPKI_ and are no settings.
	Ignore []string
}

// Load reads the sources over the defaults and validates the result. Where
// something is wrong the error is Faults, which lists all of it, and the Config
// holds what could be read. An unreadable file is any other error.
func Load(s Sources) (Config, error) {
	c := raw()
	c.origins = map[string]Origin{}
	known := Settings()
	var faults Faults

	merged := koanf.New(".")
	for _, load := range []func(*koanf.Koanf) (Origin, error){
		s.file, s.environment(known, &faults), s.flags,
	} {
		layer := koanf.New(".")
		origin, err := load(layer)
		if err != nil {
			return c, err
		}
		for _, setting := range known {
			if layer.Get(setting.Key) != nil {
				c.origins[setting.Key] = origin
			}
		}
		if err := merged.Merge(layer); err != nil {
			return c, fmt.Errorf("merge the configuration: %w", err)
		}
	}
	decode(&faults, "", merged.Raw(), reflect.ValueOf(&c).Elem())
	c.derive()
	var invalid Faults
	if err := c.Validate(); errors.As(err, &invalid) {
		for _, f := range invalid {
			if !faults.names(f.Setting) { // a value that could not be read is not judged
				faults = append(faults, f)
			}
		}
	}
	return c, faults.orNil()
}

// file reads the configuration file, if there is one.
func (s Sources) file(k *koanf.Koanf) (Origin, error) {
	if s.File == "" {
		return FromFile, nil
	}
	f, err := os.Open(s.File)
	if err != nil {
		return "", fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return "", fmt.Errorf("read the configuration: %w", err)
	}
	if len(text) > maxFileBytes {
		return "", fmt.Errorf("read the configuration: %s is larger than %v", s.File, Size(maxFileBytes))
	}
	values, err := yaml.Parser().Unmarshal(text)
	if err != nil {
		return "", fmt.Errorf("read the configuration: %s: %w", s.File, err)
	}
	return FromFile, k.Load(confmap.Provider(values, ""), nil)
}

// environment reads the variables. One that begins with CLOUDPKI_ and is
// unknown is a fault: it is a misspelt setting that would go unnoticed.
func (s Sources) environment(known []Setting, faults *Faults) func(*koanf.Koanf) (Origin, error) {
	keys, names := map[string]string{}, []string{}
	for _, setting := range known {
		if setting.Env != "" {
			keys[setting.Env] = setting.Key
			names = append(names, strings.TrimPrefix(setting.Env, envPrefix))
		}
	}
	return func(k *koanf.Koanf) (Origin, error) {
		provider := env.Provider(".", env.Opt{
			Prefix:      envPrefix,
			EnvironFunc: func() []string { return slices.Sorted(slices.Values(s.Environ)) },
			TransformFunc: func(name, value string) (string, any) {
				key := keys[name]
				if key != "" && value == "" {
					return "", nil // empty is unset, as compose files write it
				}
				if key == "" && !slices.Contains(s.Ignore, name) && !fromKubernetes(name) {
					faults.add(name, "unknown variable%s", suggestion(envPrefix, strings.TrimPrefix(name, envPrefix), names))
				}
				return key, value
			},
		})
		return FromEnvironment, k.Load(provider, nil)
	}
}

// fromKubernetes reports whether a variable is one of those that Kubernetes
// sets in every pod for a Service named cloudpki.
func fromKubernetes(name string) bool {
	return strings.HasPrefix(name, envPrefix+"SERVICE_") || name == envPrefix+"PORT" || strings.HasPrefix(name, envPrefix+"PORT_")
}

// flags takes the flags that the caller has parsed.
func (s Sources) flags(k *koanf.Koanf) (Origin, error) {
	values := map[string]any{}
	for key, value := range s.Flags {
		values[key] = value
	}
	return FromFlag, k.Load(confmap.Provider(values, "."), nil)
}
