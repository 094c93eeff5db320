package web_test

import (
	"os"
	"testing"

	"cloudpki/internal/pgtest"
	"cloudpki/internal/store/storetest"
)

var engines = pgtest.Engines{Prepare: storetest.Prepare}

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

func TestOnPostgreSQL(t *testing.T) { engines.Again(t) }
