package pki_test

import (
	"os"
	"testing"

	"cloudpki/internal/pgtest"
)

var engines pgtest.Engines

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

func TestOnPostgreSQL(t *testing.T) { engines.Again(t) }
