package trust

import (
	"encoding/json"
	"fmt"
)

// writeJSON returns the value in lines, two spaces deep, that end in LF.
func writeJSON(format string, value any) ([]byte, error) {
	out, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", format, err)
	}
	return append(out, '\n'), nil
}
