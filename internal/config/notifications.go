package config

func (c Config) validateNotifications(f *Faults) {
	n := c.Notifications
	between(f, "notifications.max_per_tenant", n.MaxPerTenant, 0, 10_000)
	between(f, "notifications.workers", n.Workers, 1, 1024)
	if n.CAFile != "" {
		publicFile(f, "notifications.ca_file", n.CAFile)
	}
}
