"""Between layers: from feature map to vector, from times to steps, queues."""
