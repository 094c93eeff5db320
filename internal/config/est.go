package config

func (c Config) validateEST(f *Faults) {
	if c.EST.Address != "" {
		address(f, "est.address", c.EST.Address)
	}
}
