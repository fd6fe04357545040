"""Words between a host and a core: tokens, memory images, registers."""
